//! Which bytes of an application's message are secret: passwords and what stands for them. What the readers of fields
//! show as `***`, told as places, for views of bytes.

use super::{At, Protocol, ftp, http, imap, mqtt, pop, resp, sip, smtp, snmp};

/// Hands on the secret bytes of a layer, in their order; none where secrets are shown.
///
/// An empty piece at the end of a line that is not ended yet says that a secret begins there.
pub fn of<'a>(at: &At<'a>, give: &mut dyn FnMut(&'a [u8])) {
    if super::application::secrets_are_shown() {
        return;
    }
    match at.layer.protocol {
        Protocol::Ftp => ftp::secrets(at, give),
        Protocol::Smtp => smtp::secrets(at, give),
        Protocol::Pop => pop::secrets(at, give),
        Protocol::Imap => imap::secrets(at, give),
        Protocol::Resp => resp::secrets(at, give),
        Protocol::Mqtt => mqtt::secrets(at, give),
        Protocol::Http => http::secrets(at, give),
        Protocol::Snmp => snmp::secrets(at, give),
        Protocol::Sip => sip::secrets(at, give),
        _ => {}
    }
}

/// Whether a layer's protocol has secrets at all.
pub fn has_any(protocol: Protocol) -> bool {
    use Protocol::{Ftp, Http, Imap, Mqtt, Pop, Resp, Sip, Smtp, Snmp, Telnet};
    matches!(protocol, Ftp | Http | Imap | Mqtt | Pop | Resp | Sip | Smtp | Snmp | Telnet)
}
