//! Listening sockets in tokio's selector. Its own listener makes each client a stream that is watched, before anybody
//! knows whether there is something to wait for.

use std::io;
use std::net::TcpListener;

use tokio::io::unix::AsyncFd;

use super::sys;

/// Watches a non-blocking listener for clients; within a runtime only. The listener stays what it was.
pub fn listener(listener: TcpListener) -> io::Result<AsyncFd<TcpListener>> {
    Ok(sys::watch(listener)?)
}
