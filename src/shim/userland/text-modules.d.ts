/** Inputs of the initramfs, imported `with { type: "text" }`, so that the compiled binary holds them too. */
declare module "*.c" {
  const text: string;
  export default text;
}
declare module "*.h" {
  const text: string;
  export default text;
}
declare module "*.sh" {
  const text: string;
  export default text;
}
declare module "*.awk" {
  const text: string;
  export default text;
}
