/** `pinetboot completion SHELL`: the shell asks the program itself what fits, by `pinetboot __complete WORD...`. */
import { buildCommand } from "@stricli/core";

/** The word by which a shell asks; it is no command that a person types. */
export const COMPLETE = "__complete";

const SCRIPTS = {
  bash: `_pinetboot() {
  mapfile -t COMPREPLY < <(compgen -W "$("\${COMP_WORDS[0]}" ${COMPLETE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}")
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
    brief: "Print what makes a shell complete commands and flags",
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
