/** Inputs of the build that the compiled binary must hold as well: imported `with { type: "text" }`. */
declare module "*.config" {
  const text: string;
  export default text;
}
declare module "*.dts" {
  const text: string;
  export default text;
}
declare module "*.patch" {
  const text: string;
  export default text;
}
