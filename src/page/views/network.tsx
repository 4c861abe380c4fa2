/** The network as the server sees it: interfaces, ports, and who asked and got no answer. */
import { call, type Network } from "../api.ts";
import { agoWords } from "../model/words.ts";
import { Table } from "../parts/table.tsx";
import { usePolled } from "../parts/use-polled.ts";
import { now } from "../state.ts";

type Interface = Network["interfaces"][number];
type Ignored = Network["ignored"][number];

export function NetworkParts() {
  const { value: network } = usePolled(() => call<Network>("GET", "/network"));
  if (!network) return null;
  return (
    <>
      <h2>Network</h2>
      <Table columns={["Interface", "Link", "Address", "Pis here"]}>
        {network.interfaces.map((one) => (
          <InterfaceRow key={one.name} one={one} />
        ))}
      </Table>
      <p class="dim">
        {network.ports.length === 0
          ? "Nothing listens for Pis."
          : `Listens for Pis: ${network.ports.map(({ service, protocol, port }) => `${service} on ${protocol.toUpperCase()} ${port}`).join(", ")}.`}
      </p>
      <h2>Asked and got no answer</h2>
      {network.ignored.length === 0 ? (
        <p class="dim">Nobody, since the server started.</p>
      ) : (
        <Table columns={["Who", "Asked", "Why it got no answer"]}>
          {network.ignored.map((one) => (
            <IgnoredRow key={`${one.service} ${one.who}`} one={one} />
          ))}
        </Table>
      )}
    </>
  );
}

const KIND_WORDS: Record<Interface["kind"], string> = {
  wired: "cable",
  wireless: "WiFi",
  virtual: "made by a program",
};

function InterfaceRow({ one }: { one: Interface }) {
  return (
    <tr>
      <th scope="row">
        <code>{one.name}</code> <span class="dim">{KIND_WORDS[one.kind]}</span>
      </th>
      <td>{one.link ? "up" : <span class="dim">no link</span>}</td>
      <td>{one.addresses.join(", ") || <span class="dim">none</span>}</td>
      <td>{one.served ? "answered" : <span class="dim">not answered</span>}</td>
    </tr>
  );
}

function IgnoredRow({ one }: { one: Ignored }) {
  return (
    <tr>
      <th scope="row">
        <code>{one.who}</code>
        {(one.name ?? one.vendor) !== null && (
          <>
            <br />
            <bdi class="dim">{one.name ?? one.vendor}</bdi>
          </>
        )}
      </th>
      <td>
        {one.service}
        {one.interface !== null && ` on ${one.interface}`}
        <br />
        <span class="dim">
          {one.times === 1 ? "once" : `${one.times} times`}, {agoWords(Date.parse(one.last_at), now.value)}
        </span>
      </td>
      <td>
        {one.reason}
        {one.fix !== null && <span class="fix">{one.fix}</span>}
      </td>
    </tr>
  );
}
