//! Why a recipe cannot be: the field, the value, and what would do.

use crate::wire::{Field, Protocol};

/// Why a recipe cannot be what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No protocol declares a field of this name.
    #[error("no field is named {name:?}")]
    Unknown { name: String },
    /// There is such a field, but not in this packet.
    #[error("this packet has no {name}: its layers are {layers}")]
    NotHere { name: String, layers: String },
    /// The field is worked out from others, or stands in no fixed place.
    #[error("{name} cannot be set: {why}")]
    NotSettable { name: String, why: &'static str },
    /// The value is not one of the field's.
    #[error("{name}={value}: it takes {takes}")]
    Value { name: String, value: String, takes: String },
    /// More than 40 bytes of IPv4 or TCP options, or more than 2048 of an IPv6 header.
    #[error("{length} bytes of options: {} has room for {most}", .protocol.name())]
    Options { protocol: Protocol, length: usize, most: usize },
    /// Nobody wrote down how such a header begins.
    #[error("a layer of {} cannot be built", .protocol.name())]
    NoSuchLayer { protocol: Protocol },
    #[error("{length} bytes: an IP packet has at most 65535")]
    TooLong { length: usize },
    /// Why there is no such message.
    #[error("{0}")]
    Message(&'static str),
    /// Why a packet cannot be divided.
    #[error("{0}")]
    Fragments(&'static str),
}

impl Error {
    pub(super) fn value(name: &str, value: &str, takes: impl Into<String>) -> Self {
        Self::Value { name: name.to_owned(), value: value.to_owned(), takes: takes.into() }
    }

    pub(super) fn not_settable(field: &Field) -> Self {
        let why = match (field.computed, field.combined) {
            (true, _) => "it is worked out, not a part of the packet",
            (_, true) => "it stands for several fields: set them one by one",
            _ => "it has no fixed place in the header: give the options as bytes",
        };
        Self::NotSettable { name: field.name.to_owned(), why }
    }
}
