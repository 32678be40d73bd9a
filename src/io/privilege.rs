//! Gives up what a capture no longer needs once its handles are open: root, or the capabilities of the binary. Two
//! capabilities may be kept, those that it takes to see which processes hold a socket.
//!
//! Trap: capabilities belong to a thread, so this is for a process with a single one; it refuses otherwise. What is
//! opened or created later is opened and created as the user who called, so files are theirs.

use std::env;
use std::ffi::CString;
use std::fs;
use std::io;

use nix::sys::prctl;
use nix::unistd::{Gid, Uid, User, getegid, geteuid, getgid, getuid, initgroups, setgroups, setresgid, setresuid};

use super::sys;
pub use super::sys::Capability;

/// The user on whose behalf this runs: who called sudo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub uid: Uid,
    pub gid: Gid,
    /// The user's name, where the machine knows one.
    pub name: Option<String>,
}

/// What `give_up` found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Was root through sudo and now is this user, without a capability.
    Became(Owner),
    /// Has root's user number, for nobody says who else to be, and without a capability.
    StillRoot,
    /// An ordinary user; capabilities that the binary had been given are gone.
    Ordinary,
}

/// What it takes to see which process of another user holds a socket: to enter its /proc/PID/fd, and to read the links
/// there (proc_pid_fd(5)).
pub const LOOK_INTO_PROCESSES: &[Capability] = &[Capability::SysPtrace, Capability::DacReadSearch];

/// Gives up every privilege for good; to be called before a thread is started.
pub fn give_up() -> io::Result<Standing> {
    give_up_but(&[]).map(|(standing, _)| standing)
}

/// Gives up every privilege but these capabilities, as far as they are there; tells which of them are kept.
pub fn give_up_but(kept: &[Capability]) -> io::Result<(Standing, Vec<Capability>)> {
    single_thread()?;
    // Else a change of user takes them all.
    prctl::set_keepcaps(!kept.is_empty())?;
    let standing = if geteuid().is_root() {
        match owner() {
            Some(owner) => {
                become_user(&owner)?;
                Standing::Became(owner)
            }
            None => Standing::StillRoot,
        }
    } else {
        Standing::Ordinary
    };
    let kept = sys::keep_capabilities(kept)?;
    prctl::set_keepcaps(false)?;
    // Nothing started from here (a pager, a helper) gains a privilege again through set-user-ID bits, or as root.
    prctl::set_no_new_privs()?;
    Ok((standing, kept))
}

/// Who called sudo, as long as this is root: whose the files are that are made now.
pub fn owner() -> Option<Owner> {
    if geteuid().is_root() { sudo_user() } else { None }
}

/// The user and group that this will be once its privileges are given up, as long as it is root: files that are made
/// later are made by them.
pub fn heir() -> Option<(u32, u32)> {
    let root = || geteuid().is_root().then(|| (geteuid().as_raw(), getegid().as_raw()));
    owner().map(|owner| (owner.uid.as_raw(), owner.gid.as_raw())).or_else(root)
}

fn single_thread() -> io::Result<()> {
    let threads = fs::read_dir("/proc/self/task")?.count();
    if threads == 1 {
        return Ok(());
    }
    Err(io::Error::other(format!("privileges can be given up by one thread only, {threads} are running")))
}

/// Who called sudo, from SUDO_UID and SUDO_GID; `None` where unset, unreadable or root itself.
fn sudo_user() -> Option<Owner> {
    let number = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
    let (uid, gid) = (Uid::from_raw(number("SUDO_UID")?), Gid::from_raw(number("SUDO_GID")?));
    if uid.is_root() {
        return None;
    }
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    Some(Owner { uid, gid, name })
}

/// Groups first: once the user has changed, nothing else can.
fn become_user(owner: &Owner) -> io::Result<()> {
    match owner.name.as_deref().and_then(|name| CString::new(name).ok()) {
        Some(name) => initgroups(&name, owner.gid)?,
        None => setgroups(&[owner.gid])?,
    }
    setresgid(owner.gid, owner.gid, owner.gid)?;
    setresuid(owner.uid, owner.uid, owner.uid)?;
    let all = (getuid(), geteuid()) == (owner.uid, owner.uid) && (getgid(), getegid()) == (owner.gid, owner.gid);
    if all { Ok(()) } else { Err(io::Error::other("the kernel did not change the user")) }
}
