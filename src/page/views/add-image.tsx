/** Four ways for an image into the library: drop a file, an address, a file of the server's computer, the catalog. */
import { useState } from "preact/hooks";
import { call, type Catalog } from "../api.ts";
import { sizeWords } from "../model/words.ts";
import { ActionForm } from "../parts/action-form.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { useAction } from "../parts/use-action.ts";
import { upload } from "../upload.ts";

export function AddImage() {
  return (
    <>
      <DropFile />
      <ByAddress />
      <FromCatalog />
    </>
  );
}

function DropFile() {
  const [over, setOver] = useState(false);
  const action = useAction();
  const take = (files: FileList | null | undefined): void => {
    const [file] = files ?? [];
    if (file) action.run(() => upload(file));
  };
  return (
    <div
      class={over ? "panel drop over" : "panel drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      <label class="wide">
        Drop an image here, or choose a file (.img, .iso, .qcow2, .gz, .xz, .zst, .bz2, .zip)
        <input
          type="file"
          disabled={action.busy}
          onChange={({ currentTarget }) => take(currentTarget.files)}
        />
      </label>
      <ProblemNote error={action.error} />
    </div>
  );
}

function ByAddress() {
  const [where, setWhere] = useState("");
  const action = useAction();
  return (
    <ActionForm
      action={action}
      label="Add image"
      work={async () => {
        await call("POST", "/images", /^https?:\/\//.test(where) ? { url: where } : { path: where });
        setWhere("");
      }}
    >
      <label class="wide">
        Or an address, or a file of the server's computer
        <input
          required
          value={where}
          placeholder="https://... or /home/me/raspios-lite.img.xz"
          onInput={({ currentTarget }) => setWhere(currentTarget.value)}
        />
      </label>
    </ActionForm>
  );
}

function FromCatalog() {
  const [catalog, setCatalog] = useState<Catalog>();
  const action = useAction();
  const entries = catalog?.entries.filter(({ url }) => url !== "") ?? [];
  return (
    <details
      class="panel"
      onToggle={({ currentTarget }) => {
        if (currentTarget.open && !catalog)
          action.run(async () => setCatalog(await call<Catalog>("GET", "/catalog")));
      }}
    >
      <summary>Or from the catalog</summary>
      <ProblemNote error={action.error} />
      {catalog?.troubles.map((trouble) => (
        <p key={trouble} class="note">
          {trouble}
        </p>
      ))}
      <ul class="catalog">
        {entries.map((entry) => (
          <li key={entry.name}>
            <span>
              <strong>{entry.title}</strong>{" "}
              <span class="dim">
                {entry.download_bytes !== null && `${sizeWords(entry.download_bytes)} to fetch. `}
                {entry.description}.{entry.ever_fetched === false && " Nobody has tried this address yet."}
              </span>
            </span>
            <button
              type="button"
              class="quiet"
              disabled={action.busy || entry.image !== null}
              aria-label={`Get ${entry.title}`}
              onClick={() => action.run(() => call("POST", "/images", { catalog: { name: entry.name } }))}
            >
              {entry.image === null ? "Get" : "In the library"}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
