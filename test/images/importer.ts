/** A process that imports one file and is killed while it does. Arguments: the library's folder, the file. */
import { ImageLibrary } from "../../src/images/library.ts";

const [folder = "", path = ""] = process.argv.slice(2);
const library = await ImageLibrary.open(folder);
await library.import({ path }, { onProgress: ({ writtenBytes }) => console.log(writtenBytes) });
console.log("done");
