/** A disk as a file of this computer, plain or packed; `path` is that of the image or the session. */
export function DownloadLinks({ path }: { path: string }) {
  return (
    <p class="buttons">
      <a href={`/api${path}/data`} download>
        Download .img
      </a>
      <a href={`/api${path}/data?format=img.xz`} download>
        Download .img.xz
      </a>
    </p>
  );
}
