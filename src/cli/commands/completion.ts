/** `pinetboot completion SHELL`: the shell asks the program itself what fits, by `pinetboot __complete WORD...`. */
import { buildCommand } from "@stricli/core";

/** The word by which a shell asks; it is no command that a person types. */
export const COMPLETE = "__complete";

const SCRIPTS = {
  // What a shell expands as a list of words it also executes: a name from the network is taken as it is, and quoted.
  bash: `_pinetboot() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    printf -v word %q "$word"
    COMPREPLY+=("$word")
  done < <("\${COMP_WORDS[0]}" ${COMPLETE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _pinetboot pinetboot ./pinetboot
`,
  zsh: `#compdef pinetboot
_pinetboot() {
  local -a found
  found=(\${(f)"$("\${words[1]}" ${COMPLETE} "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  (( \${#found} )) && compadd -a found || _files
}
compdef _pinetboot pinetboot
`,
  fish: `complete -c pinetboot -a '(set -l words (commandline -opc) (commandline -ct); $words[1] ${COMPLETE} $words[2..-1] 2>/dev/null)'
`,
} as const;

type Shell = keyof typeof SCRIPTS;
const SHELLS = ["bash", "zsh", "fish"] as const satisfies readonly Shell[];

export const completionCommand = buildCommand({
  docs: {
    brief: "Print what makes a shell complete commands, flags, and the names that a running server knows",
    fullDescription:
      "Examples:\n  source <(pinetboot completion bash)\n  pinetboot completion zsh > ~/.zfunc/_pinetboot\n" +
      "  pinetboot completion fish > ~/.config/fish/completions/pinetboot.fish",
  },
  parameters: {
    flags: {},
    positional: {
      kind: "tuple",
      parameters: [
        {
          brief: `The shell: ${SHELLS.join(", ")}`,
          placeholder: "shell",
          parse: (word: string): Shell => {
            const shell = SHELLS.find((name) => name === word);
            if (!shell) throw new Error(`"${word}" is none of ${SHELLS.join(", ")}`);
            return shell;
          },
          proposeCompletions: (partial: string) => SHELLS.filter((name) => name.startsWith(partial)),
        },
      ],
    },
  },
  func(_flags: object, shell: Shell) {
    process.stdout.write(SCRIPTS[shell]);
  },
});
