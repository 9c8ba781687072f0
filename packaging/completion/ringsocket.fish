# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ringsocket_global_optspecs
    string join \n config= apps= h/help V/version
end

function __fish_ringsocket_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ringsocket_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ringsocket_using_subcommand
    set -l cmd (__fish_ringsocket_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ringsocket -n "__fish_ringsocket_needs_command" -l config -d 'Configuration, in place of FILE' -r -F
complete -c ringsocket -n "__fish_ringsocket_needs_command" -l apps -d 'Folder of apps (*.so) [default: /usr/lib/ringsocket/apps]' -r -f -a "(__fish_complete_directories)"
complete -c ringsocket -n "__fish_ringsocket_needs_command" -s h -l help -d 'Print help'
complete -c ringsocket -n "__fish_ringsocket_needs_command" -s V -l version -d 'Print version'
complete -c ringsocket -n "__fish_ringsocket_needs_command" -f -a "check" -d 'Say what is wrong with a configuration, or what it serves; exits with 0 or 78'
complete -c ringsocket -n "__fish_ringsocket_needs_command" -f -a "reload" -d 'Have a running daemon reload, and say what came of it'
complete -c ringsocket -n "__fish_ringsocket_needs_command" -f -a "steer" -d 'Attach eBPF programs to the sockets of the daemon, which is then told to count for them; for ringsocket-steering.service. Exits with 1 and says why if something went wrong'
complete -c ringsocket -n "__fish_ringsocket_needs_command" -f -a "new-app" -d 'Write the project of a new app, with a test that talks with it'
complete -c ringsocket -n "__fish_ringsocket_using_subcommand check" -l config -d 'Configuration, in place of FILE' -r -F
complete -c ringsocket -n "__fish_ringsocket_using_subcommand check" -l apps -d 'Folder of apps (*.so) [default: /usr/lib/ringsocket/apps]' -r -f -a "(__fish_complete_directories)"
complete -c ringsocket -n "__fish_ringsocket_using_subcommand check" -s h -l help -d 'Print help'
complete -c ringsocket -n "__fish_ringsocket_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ringsocket -n "__fish_ringsocket_using_subcommand steer" -l control -d 'The daemon\'s socket for that' -r -F
complete -c ringsocket -n "__fish_ringsocket_using_subcommand steer" -l off -d 'Take them off'
complete -c ringsocket -n "__fish_ringsocket_using_subcommand steer" -s h -l help -d 'Print help'
complete -c ringsocket -n "__fish_ringsocket_using_subcommand new-app" -l lang -d 'What it is written in' -r -f -a "rust\t'Rust, with Cargo'
c\t'C17, with make'
cpp\t'C++20, with make'"
complete -c ringsocket -n "__fish_ringsocket_using_subcommand new-app" -l path -d 'The folder to make [default: ./NAME]' -r -f -a "(__fish_complete_directories)"
complete -c ringsocket -n "__fish_ringsocket_using_subcommand new-app" -l sdk -d 'RingSocket\'s source tree, for who has not installed libringsocket-dev' -r -f -a "(__fish_complete_directories)"
complete -c ringsocket -n "__fish_ringsocket_using_subcommand new-app" -s h -l help -d 'Print help (see more with \'--help\')'
