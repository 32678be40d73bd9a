//! gzip (RFC 1952) as a stream: members one after another, as `cat a.gz b.gz` and bgzip write them.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::GzDecoder;

use super::format::GZIP;

/// Counts the bytes read through it, for the progress bar.
pub(super) struct Counted<R> {
    input: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Counted<R> {
    pub fn new(input: R, count: Arc<AtomicU64>) -> Self {
        Self { input, count }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Decompresses all members. Zeros after the last (padding of a tape or a block) are ignored, as gzip does; anything else
/// that follows and is no member is an error.
pub(super) struct Gunzip<R> {
    /// `None` after the last member.
    member: Option<GzDecoder<BufReader<R>>>,
}

impl<R: Read> Gunzip<R> {
    pub fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(BufReader::with_capacity(64 << 10, input))) }
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(member) = self.member.take() else { break };
            let mut rest = member.into_inner();
            loop {
                let bytes = rest.fill_buf()?;
                match bytes.iter().position(|&byte| byte != 0) {
                    Some(0) if bytes.first() == Some(&GZIP[0]) => {
                        self.member = Some(GzDecoder::new(rest));
                        break;
                    }
                    Some(_) => {
                        let why = "it is followed by bytes that are no gzip";
                        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                    }
                    None if bytes.is_empty() => return Ok(0),
                    None => {
                        let padding = bytes.len();
                        rest.consume(padding);
                    }
                }
            }
        }
        Ok(0)
    }
}
