/** Words for the screen of a Pi that nobody has chosen an image for. */

/**
 * Where a person chooses: the page, when the Pi's screen can be read where it can be opened; the computer's name when
 * the page is open on that computer alone; the command when there is no page.
 *
 * @param code what the Pi's screen shows as its name, and the command takes
 */
export function whereToChoose(pageUrl: string | undefined, computer: string, code: string): string {
  if (pageUrl === undefined) return `On ${computer}, type: pinetboot pi assign ${code} --image IMAGE`;
  const { hostname } = new URL(pageUrl);
  const isLoopback = hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
  return isLoopback ? `On ${computer}, open ${pageUrl}` : `Open ${pageUrl}`;
}
