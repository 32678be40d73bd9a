//! `netlab lab run` and `netlab lab shell`: programs on a host.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::{Named, found, told};
use crate::cmd::Exit;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The host, router or switch
    #[arg(value_name = "HOST")]
    host: String,
    #[command(flatten)]
    named: Named,
    /// The program and its arguments
    #[arg(value_name = "PROGRAM", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<OsString>,
}

#[derive(Debug, clap::Args)]
pub struct ShellArgs {
    /// The host, router or switch
    #[arg(value_name = "HOST")]
    host: String,
    #[command(flatten)]
    named: Named,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let status = found(&args.named)?.run(&args.host, &args.program).map_err(told)?;
    Ok(Exit::Of(code(status)))
}

pub fn shell(args: &ShellArgs) -> anyhow::Result<Exit> {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
    let status = found(&args.named)?.run(&args.host, &[shell]).map_err(told)?;
    Ok(Exit::Of(code(status)))
}

/// As shells tell it: 128 and the signal's number where a signal ended it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
