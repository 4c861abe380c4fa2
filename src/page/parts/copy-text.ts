/**
 * Puts text into the clipboard; false when the browser lets nobody. Browsers give the clipboard's own interface to
 * pages of this computer and of HTTPS alone: a page over the LAN copies as pages always did, by a selection.
 */
export async function copyText(text: string): Promise<boolean> {
  // By the types it is always there; over plain HTTP from another computer it is not.
  const clipboard = "clipboard" in navigator ? navigator.clipboard : undefined;
  if (clipboard !== undefined) {
    try {
      await clipboard.writeText(text);
      return true;
    } catch {
      return copySelection(text);
    }
  }
  return copySelection(text);
}

function copySelection(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  area.readOnly = true;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
