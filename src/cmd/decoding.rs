//! `--decode-as` and `--show-secrets`: how the bytes of applications are read, for whoever reads packets.

use crate::wire::application::{self, DecodeAs, Wishes};

#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Applications")]
pub struct Decoding {
    /// What goes over a port is of this protocol, whatever it looks like (repeatable), as in tcp.port==9999,http
    ///
    /// `data` in place of a protocol: of none.
    #[arg(long, value_name = "PORT,PROTOCOL")]
    decode_as: Vec<DecodeAs>,
    /// Show passwords and other secrets of applications, otherwise ***
    #[arg(long)]
    show_secrets: bool,
}

impl Decoding {
    /// To be called once, before the first packet is decoded.
    pub fn apply(&self) -> anyhow::Result<()> {
        let wishes = Wishes { decode_as: self.decode_as.clone(), show_secrets: self.show_secrets };
        if wishes.decode_as.is_empty() && !wishes.show_secrets {
            return Ok(());
        }
        anyhow::ensure!(application::wish(wishes), "packets were decoded before --decode-as was read");
        Ok(())
    }
}
