#compdef scalecam
# Completion for scalecam in zsh. It asks the program itself, so it knows what the installed version knows.

local -a path_words found
local help before=$words[CURRENT-1]
case $before in
--config | --file | --picture | --output | --ca-file | --client-file | --api-key-file | --link)
    _files
    return
    ;;
esac
path_words=(${(M)words[2,CURRENT-1]:#[a-z]*})
# words after the command that are no command of its own (a file, a number) end the question at the command
help=$(scalecam ${path_words[1,2]} --help 2>/dev/null) || help=$(scalecam ${path_words[1,1]} --help 2>/dev/null) || return 1
found=(${(f)"$(
    sed -n -e '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' \
        -e 's/^ *\(-[a-zA-Z], \)\{0,1\}\(--[a-z-]*\).*/\2/p' <<<$help
)"})
compadd -a found || _files
