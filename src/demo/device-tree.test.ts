import { expect, test } from "bun:test";
import { withRootProperties } from "./device-tree.ts";
import { insideLine } from "./virtual-pi.ts";

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const property = (nameAt: number, value: string): Buffer => {
  const bytes = Buffer.alloc((value.length + 4) & ~3);
  bytes.write(value);
  return Buffer.concat([word(3), word(value.length + 1), word(nameAt), bytes]);
};

/** A root with two properties and a child, put together by hand. */
function tree(): Uint8Array {
  const strings = Buffer.from("model\0compatible\0");
  const structure = Buffer.concat([
    Buffer.concat([word(1), word(0), property(0, "old model"), property(6, "x,y")]),
    Buffer.concat([word(1), Buffer.from("cpu\0"), word(2), word(2), word(9)]),
  ]);
  const [structureAt, stringsAt] = [56, 56 + structure.length];
  const sizes = [stringsAt + strings.length, structureAt, stringsAt, 40, 17, 16, 0, strings.length];
  const header = [0xd00dfeed, ...sizes, structure.length].map(word);
  return Buffer.concat([...header, Buffer.alloc(16), structure, strings]);
}

test("a property of the root is replaced, another is added, and the rest stays", () => {
  const changed = withRootProperties(tree(), { model: "new model", "serial-number": "10000000de300001" });
  const text = Buffer.from(changed).toString("latin1");
  expect(text).toContain("new model\0");
  expect(text).not.toContain("old model");
  expect(text).toContain("x,y\0");
  expect(text).toContain("10000000de300001\0");
  expect(text).toContain("model\0compatible\0model\0serial-number\0");
  const view = new DataView(changed.buffer, changed.byteOffset);
  expect(view.getUint32(4)).toBe(changed.length);
  expect(view.getUint32(8) + view.getUint32(36)).toBe(view.getUint32(12));
});

test("what is no device tree is refused", () => {
  expect(() => withRootProperties(new Uint8Array(100), {})).toThrow(RangeError);
});

test("the virtual Pi sees this computer's loopback under its name in QEMU's network, and a server elsewhere as it is", () => {
  const line = "console=tty1 console=ttyAMA10,115200 pinetboot.server=127.0.0.1:8069";
  expect(insideLine(line, "127.0.0.1")).toBe(
    "console=tty1 console=ttyAMA0,115200 pinetboot.server=10.0.2.2:8069 iscsi.ip=10.0.2.2",
  );
  expect(insideLine(line.replace("127.0.0.1", "10.1.1.1"), "10.1.1.1")).toContain(
    "pinetboot.server=10.1.1.1:8069",
  );
});
