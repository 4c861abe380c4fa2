/** The library, and what is being added to it. */
import { useState } from "preact/hooks";
import { call, type Image, type Import } from "../api.ts";
import { secondsWords, sizeWords } from "../model/words.ts";
import { ConfirmButton } from "../parts/confirm-button.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { Progress } from "../parts/progress.tsx";
import { useAction } from "../parts/use-action.ts";
import { images, imports } from "../state.ts";

export function ImagesView() {
  const shown = imports.value.filter(({ state }) => state !== "done");
  return (
    <>
      <h1>Images</h1>
      <AddImage />
      {shown.map((job) => (
        <ImportRow key={job.id} job={job} />
      ))}
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Size</th>
            <th scope="col">From</th>
            <th scope="col">
              <span class="sr">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {images.value.map((image) => (
            <ImageRow key={image.id} image={image} />
          ))}
        </tbody>
      </table>
    </>
  );
}

function AddImage() {
  const [path, setPath] = useState("");
  const action = useAction();
  return (
    <form
      class="panel"
      onSubmit={(event) => {
        event.preventDefault();
        action.run(async () => {
          await call("POST", "/images", { path });
          setPath("");
        });
      }}
    >
      <label class="wide">
        A file of the server's computer
        <input
          required
          value={path}
          placeholder="/home/me/raspios-lite.img.xz"
          onInput={({ currentTarget }) => setPath(currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={action.busy}>
        Add image
      </button>
      <ProblemNote error={action.error} />
    </form>
  );
}

function ImportRow({ job }: { job: Import }) {
  const action = useAction();
  if (job.state === "failed")
    return <ProblemNote error={new Error(`${job.source}: ${job.error?.message ?? ""}`)} />;
  const fraction = job.total_bytes ? job.done_bytes / job.total_bytes : undefined;
  return (
    <div class="panel">
      <span class="wide">
        {job.name ?? job.source}: {job.stage}
        {job.eta_seconds !== null && `, about ${secondsWords(job.eta_seconds)} left`}
        <Progress label={`Import of ${job.source}`} fraction={fraction} />
      </span>
      <button
        type="button"
        class="quiet"
        disabled={action.busy}
        onClick={() => action.run(() => call("DELETE", `/imports/${job.id}`))}
      >
        Stop
      </button>
    </div>
  );
}

function ImageRow({ image }: { image: Image }) {
  const action = useAction();
  return (
    <tr>
      <th scope="row">{image.name}</th>
      <td>{image.imported_at === null ? "any" : sizeWords(image.size_bytes)}</td>
      <td class="dim">{image.source ?? "built in"}</td>
      <td class="end">
        {image.imported_at !== null && (
          <ConfirmButton
            label="Remove"
            question="Remove it?"
            disabled={action.busy}
            onConfirm={() => action.run(() => call("DELETE", `/images/${image.id}`))}
          />
        )}
        <ProblemNote error={action.error} />
      </td>
    </tr>
  );
}
