import type { CommandModel, OptionModel } from './model.js';

/** Shells for which a script can be written. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** One of them. */
export type Shell = (typeof SHELLS)[number];

/** The script that teaches a shell the command line. */
export function completionScript(shell: Shell, commands: readonly CommandModel[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands);
}

const words = (texts: readonly string[]): string => texts.join(' ');

const withValue = ({ options }: CommandModel): OptionModel[] => options.filter(({ value }) => value !== 'none');

/** Functions that bash and zsh share: which command the words lead to, its next words, and the values of an option. */
function tables(commands: readonly CommandModel[]): string {
  const key = ({ path }: CommandModel): string => words(path);
  const next = commands.map(
    (command) =>
      `    '${key(command)}') echo '${words([...command.subcommands.map(({ name }) => name), ...command.options.flatMap(({ flags }) => flags)])}' ;;`,
  );
  const values = commands.flatMap((command) =>
    withValue(command).map(({ flags, value }) => {
      const patterns = flags.map((flag) => `'${key(command)}:${flag}'`).join(' | ');
      return `    ${patterns}) echo '${typeof value === 'string' ? value : words(value)}' ;;`;
    }),
  );
  const paths = commands.map((command) => `'${key(command)}'`).join(' | ');
  return `_rift_next() {
  case "$1" in
${next.join('\n')}
  esac
}
_rift_values() {
  case "$1" in
${values.join('\n')}
  esac
}
_rift_is_command() {
  case "$1" in
    ${paths}) return 0 ;;
  esac
  return 1
}
`;
}

function bashScript(commands: readonly CommandModel[]): string {
  return `# Completion of rift for bash: source <(rift completion bash)
${tables(commands)}_rift() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} path='' word longer values
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    longer="\${path:+$path }$word"
    if _rift_is_command "$longer"; then path=$longer; fi
  done
  values=$(_rift_values "$path:$previous")
  case "$values" in
    '') values=$(_rift_next "$path") ;;
    path) values='' ;;
    any) return ;;
  esac
  if [ -n "$values" ]; then COMPREPLY=($(compgen -W "$values" -- "$current")); fi
  if [ \${#COMPREPLY[@]} -eq 0 ]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F _rift rift
`;
}

function zshScript(commands: readonly CommandModel[]): string {
  return `#compdef rift
# Completion of rift for zsh: rift completion zsh > a folder of $fpath, as _rift
${tables(commands)}_rift() {
  local current=\${words[CURRENT]} previous=\${words[CURRENT-1]} path='' word longer values
  for word in "\${(@)words[2,CURRENT-1]}"; do
    longer="\${path:+$path }$word"
    if _rift_is_command "$longer"; then path=$longer; fi
  done
  values=$(_rift_values "$path:$previous")
  case "$values" in
    '') values=$(_rift_next "$path") ;;
    path) _files; return ;;
    any) return ;;
  esac
  compadd -- \${=values} || _files
}
compdef _rift rift
`;
}

function fishScript(commands: readonly CommandModel[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = commands.flatMap((command) => {
    const at = `complete -c rift -n ${quoted(`__rift_at ${quoted(words(command.path))}`)}`;
    return [
      ...command.subcommands.map(({ name, description }) => `${at} -f -a ${name} -d ${quoted(description)}`),
      ...command.options.map((option) => `${at} ${fishOption(option, quoted)}`),
    ];
  });
  return `# Completion of rift for fish: rift completion fish > ~/.config/fish/completions/rift.fish
function __rift_at
    set -l path
    for word in (commandline -opc)[2..-1]
        if contains -- (string join ' ' $path $word) ${commands
          .filter(({ path }) => path.length > 0)
          .map(({ path }) => quoted(words(path)))
          .join(' ')}
            set -a path $word
        end
    end
    test "$path" = $argv[1]
end
${lines.join('\n')}
`;
}

function fishOption({ flags, description, value }: OptionModel, quoted: (text: string) => string): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ');
  const taken = value === 'none' ? '' : value === 'path' ? ' -r -F' : value === 'any' ? ' -x' : ` -x -a ${quoted(words(value))}`;
  return `${names}${taken} -d ${quoted(description)}`;
}
