//! Parse the arguments, call [`netlab::run`], turn the result into an exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    netlab::run(std::env::args_os())
}
