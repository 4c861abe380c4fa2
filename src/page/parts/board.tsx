/** A Pi drawn from above, by what tells the models apart at a glance: size, ports and where they sit. */
type Port = "usb" | "ethernet";

interface Shape {
  readonly matches: RegExp;
  readonly name: string;
  /** Board in millimetres. */
  readonly width: number;
  readonly height: number;
  /** Ports along the right edge from the top; "usb" is a pair of sockets. */
  readonly ports: readonly Port[];
  readonly keyboard?: true;
}

const SHAPES: readonly Shape[] = [
  { matches: /500/, name: "Pi 500", width: 120, height: 50, ports: [], keyboard: true },
  { matches: /400/, name: "Pi 400", width: 120, height: 50, ports: [], keyboard: true },
  { matches: /Zero/i, name: "Pi Zero", width: 65, height: 30, ports: [] },
  { matches: /Compute Module/i, name: "Compute Module", width: 55, height: 40, ports: [] },
  { matches: /Pi 5/, name: "Pi 5", width: 85, height: 56, ports: ["usb", "usb", "ethernet"] },
  { matches: /Pi 4/, name: "Pi 4", width: 85, height: 56, ports: ["ethernet", "usb", "usb"] },
  { matches: /Pi 3/, name: "Pi 3", width: 85, height: 56, ports: ["usb", "usb", "ethernet"] },
];
const UNKNOWN: Shape = {
  matches: /./,
  name: "Raspberry Pi",
  width: 85,
  height: 56,
  ports: ["usb", "usb", "ethernet"],
};

export function Board({ model }: { model: string | null }) {
  const shape = SHAPES.find(({ matches }) => model !== null && matches.test(model)) ?? UNKNOWN;
  const { width, height, ports } = shape;
  return (
    <svg class="board" viewBox="0 0 124 60" role="img" aria-label={model ?? shape.name}>
      <g transform={`translate(${(120 - width) / 2} ${(60 - height) / 2})`}>
        <rect class="pcb" width={width} height={height} rx="3" />
        {shape.keyboard ? (
          [0, 1, 2, 3].map((row) => (
            <rect key={row} class="metal" x="6" y={8 + row * 9.5} width={width - 12} height="6" rx="1" />
          ))
        ) : (
          <>
            <rect class="header" x="6" y="2" width={Math.min(51, width - 12)} height="4" rx="1" />
            <rect class="chip" x={width * 0.3} y={height * 0.38} width="13" height="13" rx="1" />
            <rect class="metal" x="4" y={height - 4} width="8" height="6" rx="1" />
          </>
        )}
        {ports.map((port, index) => (
          <rect
            key={index}
            class={port === "ethernet" ? "ethernet" : "metal"}
            x={width - 16}
            y={4 + index * 17}
            width="19"
            height="14"
            rx="1"
          />
        ))}
      </g>
    </svg>
  );
}
