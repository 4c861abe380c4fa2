/** What an initiator needs, shown once, with ready commands. */
import { useState } from "preact/hooks";
import type { CreatedSession } from "../api.ts";
import { recipesFor } from "../../appliance/sessions/recipes.ts";
import { CopyField } from "../parts/copy-field.tsx";

export function Credentials({ session, onClose }: { session: CreatedSession; onClose: () => void }) {
  const recipes = recipesFor(session);
  const [client, setClient] = useState(recipes[0]?.client);
  const recipe = recipes.find((one) => one.client === client);
  return (
    <section class="panel credentials" aria-labelledby="credentials">
      <h2 id="credentials">Your disk is ready</h2>
      <p>The secret is shown this once. Nobody can read it later; a new disk is one click away.</p>
      <CopyField label="Portal" value={session.portal} />
      <CopyField label="Target" value={session.iqn} />
      <CopyField label="User" value={session.chap_user} />
      <CopyField label="Secret" value={session.chap_secret} />
      <label>
        Commands for
        <select value={client} onChange={({ currentTarget }) => setClient(currentTarget.value)}>
          {recipes.map((one) => (
            <option key={one.client} value={one.client}>
              {one.client}
            </option>
          ))}
        </select>
      </label>
      {recipe && <CopyField lines label={recipe.client} value={recipe.text} />}
      <button type="button" onClick={onClose}>
        I have it
      </button>
    </section>
  );
}
