//! What one host wants of one group, and until when that is believed.
//!
//! A host that speaks the newest version tells its own filter (RFC 3376 §5.1, RFC 3810 §6.1) and nobody keeps silent for
//! it, so the records are applied to the host's filter itself, not to that of the whole LAN as a router keeps it (§6.4):
//! a source that the host blocks is gone at once, though a router asks first whether another host still wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::message::RecordKind;
use crate::frame::Timestamp;

/// The filter of a host for a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// These sources only, each until its time. Never empty but for an instant.
    Include(BTreeMap<IpAddr, Timestamp>),
    /// All but these, until then.
    Exclude(BTreeSet<IpAddr>, Timestamp),
}

impl Filter {
    /// The filter before anything was heard.
    pub fn nothing() -> Self {
        Self::Include(BTreeMap::new())
    }

    pub fn excludes(&self) -> bool {
        matches!(self, Self::Exclude(..))
    }

    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Include(sources) if sources.is_empty())
    }

    /// The sources that are named.
    pub fn sources(&self) -> Vec<IpAddr> {
        match self {
            Self::Include(sources) => sources.keys().copied().collect(),
            Self::Exclude(sources, _) => sources.iter().copied().collect(),
        }
    }

    pub fn count(&self) -> usize {
        match self {
            Self::Include(sources) => sources.len(),
            Self::Exclude(sources, _) => sources.len(),
        }
    }

    /// When the last of it ends; the beginning of time where there is nothing.
    pub fn expires(&self) -> Timestamp {
        match self {
            Self::Include(sources) => sources.values().max().copied().unwrap_or(Timestamp(i64::MIN)),
            Self::Exclude(_, expires) => *expires,
        }
    }

    /// When the first of it ends.
    pub fn next(&self) -> Timestamp {
        match self {
            Self::Include(sources) => sources.values().min().copied().unwrap_or(Timestamp(i64::MIN)),
            Self::Exclude(_, expires) => *expires,
        }
    }

    /// Applies a record of this host; what it names is believed until `until`.
    pub fn apply(&mut self, kind: RecordKind, sources: &[IpAddr], until: Timestamp) {
        let named = || sources.iter().map(|source| (*source, until));
        let set = || sources.iter().copied().collect::<BTreeSet<_>>();
        match (&mut *self, kind) {
            (_, RecordKind::IsExclude | RecordKind::ToExclude) => *self = Self::Exclude(set(), until),
            // It wants nothing any more.
            (_, RecordKind::ToInclude) if sources.is_empty() => *self = Self::nothing(),
            // A list too long for one record is told in several (RFC 3376 §4.2.16): nothing is taken back.
            (Self::Include(wanted), RecordKind::IsInclude | RecordKind::ToInclude | RecordKind::Allow) => {
                wanted.extend(named());
            }
            (Self::Exclude(..), RecordKind::IsInclude | RecordKind::ToInclude) => {
                *self = Self::Include(named().collect())
            }
            (Self::Exclude(unwanted, _), RecordKind::Allow) => sources.iter().for_each(|source| {
                unwanted.remove(source);
            }),
            (Self::Include(wanted), RecordKind::Block) => sources.iter().for_each(|source| {
                wanted.remove(source);
            }),
            (Self::Exclude(unwanted, _), RecordKind::Block) => unwanted.extend(sources),
        }
    }

    /// A querier asks for the group, or for these sources of it: who does not answer is forgotten at `until`
    /// (RFC 3376 §6.6.1).
    pub fn lower(&mut self, sources: &[IpAddr], until: Timestamp) {
        match self {
            Self::Exclude(_, expires) if sources.is_empty() => *expires = until.min(*expires),
            Self::Exclude(..) => {}
            Self::Include(wanted) => {
                for source in sources {
                    if let Some(expires) = wanted.get_mut(source) {
                        *expires = until.min(*expires);
                    }
                }
            }
        }
    }

    /// Believes it until then, at least.
    pub fn prolong(&mut self, until: Timestamp) {
        if let Self::Exclude(_, expires) = self {
            *expires = until.max(*expires);
        }
    }

    /// Forgets what ended. Whether anything did.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        match self {
            Self::Include(wanted) => {
                let before = wanted.len();
                wanted.retain(|_, expires| *expires > now);
                wanted.len() < before
            }
            Self::Exclude(_, expires) if *expires <= now => {
                *self = Self::nothing();
                true
            }
            Self::Exclude(..) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RecordKind::*;
    use super::*;

    fn source(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn told(records: &[(RecordKind, &[u8])]) -> (bool, Vec<IpAddr>) {
        let mut filter = Filter::nothing();
        for (kind, sources) in records {
            let sources: Vec<IpAddr> = sources.iter().map(|last| source(*last)).collect();
            filter.apply(*kind, &sources, Timestamp(100));
        }
        (filter.excludes(), filter.sources())
    }

    #[test]
    fn records_change_the_filter_of_a_host_as_rfc_3376_says() {
        let sources = |list: &[u8]| list.iter().map(|last| source(*last)).collect::<Vec<_>>();
        for (records, excludes, left) in [
            (&[(ToExclude, &[][..])][..], true, &[][..]),
            (&[(ToExclude, &[]), (ToInclude, &[])], false, &[]),
            (&[(IsInclude, &[1]), (IsInclude, &[2])], false, &[1, 2]),
            (&[(Allow, &[1, 2]), (Block, &[1])], false, &[2]),
            (&[(IsExclude, &[1, 2]), (Allow, &[1])], true, &[2]),
            (&[(IsExclude, &[1]), (Block, &[2])], true, &[1, 2]),
            (&[(IsExclude, &[1]), (ToInclude, &[3])], false, &[3]),
            (&[(IsInclude, &[1]), (IsExclude, &[])], true, &[]),
            (&[(Block, &[1])], false, &[]),
        ] {
            assert_eq!(told(records), (excludes, sources(left)), "{records:?}");
        }
    }

    #[test]
    fn sources_end_one_by_one() {
        let mut filter = Filter::nothing();
        filter.apply(Allow, &[source(1), source(2)], Timestamp(100));
        filter.lower(&[source(1), source(9)], Timestamp(10));
        assert_eq!((filter.next(), filter.expires()), (Timestamp(10), Timestamp(100)));
        assert!(filter.expire(Timestamp(10)));
        assert_eq!(filter.sources(), [source(2)]);
        assert!(!filter.expire(Timestamp(99)) && filter.expire(Timestamp(100)) && filter.is_nothing());
    }
}
