/** Values of option 53 (RFC 2132 section 9.6). */
export const MESSAGE_TYPES = [
  { value: 1, name: "DISCOVER" },
  { value: 2, name: "OFFER" },
  { value: 3, name: "REQUEST" },
  { value: 4, name: "DECLINE" },
  { value: 5, name: "ACK" },
  { value: 6, name: "NAK" },
  { value: 7, name: "RELEASE" },
  { value: 8, name: "INFORM" },
] as const satisfies readonly { value: number; name: string }[];

export type MessageType = (typeof MESSAGE_TYPES)[number]["name"];

/** The name of an option 53 value, or undefined for one this package does not know. */
export function messageTypeName(value: number): MessageType | undefined {
  return MESSAGE_TYPES.find((row) => row.value === value)?.name;
}

/** The option 53 value of a message type. */
export function messageTypeValue(name: MessageType): number {
  return MESSAGE_TYPES.findIndex((row) => row.name === name) + 1;
}
