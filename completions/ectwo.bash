# bash completion for ectwo. Made by `ectwo --completion bash`; source it from ~/.bashrc.
_ectwo() {
    local IFS=$'\n' cur=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=($(_ECTWO_COMPLETE=bash _ECTWO_LINE=${COMP_LINE:0:COMP_POINT} _ECTWO_WORD=$cur \
        "${COMP_WORDS[0]}" 2>/dev/null))
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
    return 0
}
complete -o default -o nosort -F _ectwo ectwo
