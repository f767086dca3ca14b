# fish completion for ectwo. Made by `ectwo --completion fish`; its place is ~/.config/fish/completions.
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
