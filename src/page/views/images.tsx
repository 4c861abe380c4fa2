/** The library, and what is being added to it. */
import { call, type Image, type Import, type Job, Problem, type Storage } from "../api.ts";
import { secondsWords, sizeWords } from "../model/words.ts";
import { ConfirmButton } from "../parts/confirm-button.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { Progress } from "../parts/progress.tsx";
import { Table } from "../parts/table.tsx";
import { useAction } from "../parts/use-action.ts";
import { images, imports, jobs, storage } from "../state.ts";
import { AddImage } from "./add-image.tsx";
import { ImageMenu } from "./image-menu.tsx";

export function ImagesView() {
  const shown = imports.value.filter(({ state }) => state !== "done");
  return (
    <>
      <h1>Images</h1>
      <AddImage />
      {shown.map((job) => (
        <ImportRow key={job.id} job={job} />
      ))}
      {jobs.value
        .filter(({ state }) => state !== "done")
        .map((job) => (
          <JobRow key={job.id} job={job} />
        ))}
      <Table columns={["Name", "Size", "On disk", "From"]} actions>
        {images.value.map((image) => (
          <ImageRow
            key={image.id}
            image={image}
            row={storage.value?.rows.find(({ id }) => id === image.id)}
          />
        ))}
      </Table>
    </>
  );
}

function ImportRow({ job }: { job: Import }) {
  const action = useAction();
  if (job.state === "failed")
    return (
      <ProblemNote
        error={new Problem(`${job.source}: ${job.error?.message ?? ""}`, job.error?.fix ?? null)}
      />
    );
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

const JOB_WORDS: Record<Job["kind"], string> = { commit: "Making an image of", export: "Exporting" };

function JobRow({ job }: { job: Job }) {
  const words = `${JOB_WORDS[job.kind]} ${job.subject}`;
  if (job.state === "failed")
    return (
      <ProblemNote error={new Problem(`${words}: ${job.error?.message ?? ""}`, job.error?.fix ?? null)} />
    );
  return (
    <div class="panel">
      <span class="wide">
        {words}
        {job.eta_seconds !== null && `, about ${secondsWords(job.eta_seconds)} left`}
        <Progress label={words} fraction={job.total_bytes ? job.done_bytes / job.total_bytes : undefined} />
      </span>
    </div>
  );
}

function ImageRow({ image, row }: { image: Image; row: Storage["rows"][number] | undefined }) {
  const action = useAction();
  return (
    <tr>
      <th scope="row">{image.name}</th>
      <td>{image.imported_at === null ? "any" : sizeWords(image.size_bytes)}</td>
      <td>{row ? sizeWords(row.exclusive_bytes + row.shared_bytes) : ""}</td>
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
        {image.imported_at !== null && <ImageMenu image={image} />}
        <ProblemNote error={action.error} />
      </td>
    </tr>
  );
}
