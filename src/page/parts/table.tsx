import type { ComponentChildren } from "preact";

/** Rows under named columns; with `actions`, a last column for buttons that needs no title to the eye. */
export function Table(props: { columns: readonly string[]; actions?: true; children: ComponentChildren }) {
  return (
    <table>
      <thead>
        <tr>
          {props.columns.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
          {props.actions && (
            <th scope="col">
              <span class="sr">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>{props.children}</tbody>
    </table>
  );
}
