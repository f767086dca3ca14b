"""Completion for bash, zsh, fish and PowerShell: the scripts, and the answer to a TAB.

A script hands over the words up to the cursor, in ``_ECTWO_COMPLETE`` the shell, and gets a line a candidate: the
value, a tab, and what it is. Nothing is asked of the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ectwo_cli.words import candidates

BASH = r"""# bash completion for ectwo. Made by `ectwo --completion bash`; source it from ~/.bashrc.
_ectwo() {
    local IFS=$'\n' cur=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=($(_ECTWO_COMPLETE=bash _ECTWO_LINE=${COMP_LINE:0:COMP_POINT} _ECTWO_WORD=$cur \
        "${COMP_WORDS[0]}" 2>/dev/null))
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
    return 0
}
complete -o default -o nosort -F _ectwo ectwo
"""

ZSH = r"""#compdef ectwo
# zsh completion for ectwo. Made by `ectwo --completion zsh`; put it as _ectwo into a folder of $fpath.
_ectwo() {
    local -a values shown
    local value help
    while IFS=$'\t' read -r value help; do
        values+=("$value")
        shown+=("${value}${help:+  -- $help}")
    done < <(_ECTWO_COMPLETE=zsh ${words[1]} -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    if (( $#values )); then
        compadd -l -d shown -a values
    else
        _files
    fi
}
if [[ $funcstack[1] == _ectwo ]]; then
    _ectwo "$@"
else
    compdef _ectwo ectwo
fi
"""

FISH = r"""# fish completion for ectwo. Made by `ectwo --completion fish`; its place is ~/.config/fish/completions.
function __ectwo_complete
    set -l words (commandline -opc)
    set -l found (_ECTWO_COMPLETE=fish $words[1] -- $words[2..-1] (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c ectwo -f -a '(__ectwo_complete)'
"""

POWERSHELL = r"""# PowerShell completion for ectwo. Made by `ectwo --completion powershell`; add it to $PROFILE.
Register-ArgumentCompleter -Native -CommandName ectwo -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition -or $_.Extent.Text -ne $wordToComplete } |
        ForEach-Object { $_.Extent.Text.Trim("'", '"') })
    $env:_ECTWO_COMPLETE = 'powershell'
    try {
        ectwo -- @words "$wordToComplete" 2>$null | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            $text = if ($value -match "[\s'`"``$;&|<>(){}]") { "'" + $value.Replace("'", "''") + "'" } else { $value }
            $tip = if ($help) { $help } else { $value }
            [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $tip)
        }
    } finally {
        Remove-Item Env:_ECTWO_COMPLETE
    }
}
"""

SCRIPTS: Mapping[str, tuple[str, str]] = {
    "bash": ("ectwo.bash", BASH),
    "zsh": ("_ectwo", ZSH),
    "fish": ("ectwo.fish", FISH),
    "powershell": ("ectwo.ps1", POWERSHELL),
}
"""For each shell the name of the file in ``completions/``, and what is in it."""


def answer(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """The candidates for the words that a script hands over: one a line."""
    shell = environ["_ECTWO_COMPLETE"]
    if shell == "bash":
        words, incomplete, quote = split(environ.get("_ECTWO_LINE", ""))
        kept = len(_kept(incomplete, environ.get("_ECTWO_WORD", "")))
        found = shown(words[1:], incomplete, environ)
        return "".join(f"{(value if quote else escape(value))[kept:]}\n" for value, _ in found)
    words = list(argv[1:] if argv[:1] == ["--"] else argv)
    found = shown(words[:-1], words[-1] if words else "", environ)
    return "".join(f"{value}\t{help}\n" if help else f"{value}\n" for value, help in found)


def shown(words: Sequence[str], incomplete: str, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The candidates that a shell can take on its line, with what each is on one line."""
    found = candidates(words, incomplete, environ)
    return [(value, " ".join(text.split())) for value, text in found if value.isprintable()]


def split(line: str) -> tuple[list[str], str, bool]:
    """A line of bash up to the cursor as whole words, the word at the cursor, and whether that is within quotes."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    started = escaped = False
    for char in line:
        if escaped:
            word.append(char)
            escaped = False
        elif quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"':
                escaped = True
            else:
                word.append(char)
        elif char == "\\":
            escaped = started = True
        elif char in "'\"":
            quote, started = char, True
        elif char.isspace():
            if word or started:
                words.append("".join(word))
            word, started = [], False
        else:
            word.append(char)
    return words, "".join(word), bool(quote)


def escape(value: str) -> str:
    """The value as bash would have to be given it."""
    special = " \t\"'\\$`!*?[]{}()<>|&;#~"
    return "".join(f"\\{char}" if char in special else char for char in value)


def _kept(incomplete: str, current: str) -> str:
    """The front of the word that bash leaves alone: it replaces only what follows the last ``=`` or ``:``."""
    front = escape(incomplete)
    if current in ("=", ":"):
        return front
    return front.removesuffix(current)
