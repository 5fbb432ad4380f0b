/**
 * What a shell is told to do at Tab: it asks `concertato complete -- WORDS`, which answers a candidate and its description
 * on each line, with a tab between them; where it answers nothing, the shell completes file names.
 */

export const shells = ["bash", "zsh", "fish"] as const;
export type ShellName = (typeof shells)[number];

export const scripts: Readonly<Record<ShellName, string>> = {
  bash: `# concertato at Tab in bash. In ~/.bashrc:  eval "$(concertato completion bash)"
_concertato() {
  local candidate description
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate description; do
    COMPREPLY+=("$candidate")
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _concertato concertato`,
  zsh: `#compdef concertato
# concertato at Tab in zsh. In ~/.zshrc, after compinit:  eval "$(concertato completion zsh)"
_concertato() {
  local -a described
  local line
  while IFS= read -r line; do
    described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <("$words[1]" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#described} )); then _describe concertato described; else _files; fi
}
compdef _concertato concertato`,
  fish: `# concertato at Tab in fish. In ~/.config/fish/config.fish:  concertato completion fish | source
function __concertato
  set -l words (commandline -opc) (commandline -ct)
  set -l found ($words[1] complete -- $words[2..] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c concertato -f -k -a '(__concertato)'`,
};
