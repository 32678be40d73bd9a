//! What the numbers of a run teach, in sentences that quote them.

use std::time::Duration;

use super::{Figures, Row, mebibytes, short};

/// The sentences that the rows bear out.
pub fn of(rows: &[Row]) -> Vec<String> {
    let run = Run { rows };
    let sentences =
        [run.alone(), run.crowd(), run.waiting(), run.stacks(), run.questions(), run.switches(), run.failures()];
    sentences.into_iter().chain([run.gaps()]).flatten().collect()
}

struct Run<'a> {
    rows: &'a [Row],
}

impl<'a> Run<'a> {
    /// Those that were measured with so many clients.
    fn with(&self, clients: usize) -> Vec<(&'static str, &'a Figures)> {
        let rows = self.rows.iter().filter(|row| row.clients == clients);
        rows.filter_map(|row| Some((row.model, row.result.as_ref().ok()?))).collect()
    }

    /// Those of them that answered every client: a server that is with one client only is fast, and of no use.
    fn fair(&self, clients: usize) -> Vec<(&'static str, &'a Figures)> {
        self.with(clients).into_iter().filter(|(_, figures)| figures.served >= clients).collect()
    }

    fn most(&self) -> Option<usize> {
        self.rows.iter().map(|row| row.clients).max()
    }

    /// The model's figures with its fewest and its most clients.
    fn span(&self, model: &str) -> Option<[(usize, &'a Figures); 2]> {
        let measured = |row: &'a Row| Some((row.clients, row.result.as_ref().ok()?));
        let own = || self.rows.iter().filter(|row| row.model == model).filter_map(measured);
        let (fewest, most) = (own().min_by_key(|(clients, _)| *clients)?, own().max_by_key(|(clients, _)| *clients)?);
        (fewest.0 < most.0).then_some([fewest, most])
    }

    fn alone(&self) -> Option<String> {
        let rows = self.with(1);
        let [(fast, most), (slow, least)] = extremes(&rows)?;
        Some(format!(
            "One client: {fast} answered {:.0} requests a second, {slow} {:.0}. Nobody waits behind anybody, so this is \
             what a model costs by itself.",
            most.rate, least.rate
        ))
    }

    fn crowd(&self) -> Option<String> {
        let clients = self.most().filter(|clients| *clients > 1)?;
        let rows = self.fair(clients);
        let [(fast, most), (slow, least)] = extremes(&rows)?;
        Some(format!(
            "{clients} clients, of the models that answered them all: {fast} answered most, {:.0} requests a second; {slow} least, {:.0}. One in a hundred waited \
             {} or longer with {fast}, {} with {slow}.",
            most.rate,
            least.rate,
            shown(most.p99),
            shown(least.p99)
        ))
    }

    /// Clients that never had an answer.
    fn waiting(&self) -> Option<String> {
        let mut starved: Vec<(&str, Vec<String>)> = Vec::new();
        for row in self.rows {
            let Some(figures) = row.result.as_ref().ok().filter(|figures| figures.served < row.clients) else {
                continue;
            };
            let served = format!("{} of {}", figures.served, row.clients);
            match starved.iter_mut().find(|(model, _)| *model == row.model) {
                Some((_, counts)) => counts.push(served),
                None => starved.push((row.model, vec![served])),
            }
        }
        let starved: Vec<_> = starved
            .iter()
            .map(|(model, counts)| format!("{model} answered only {} clients", counts.join(", ")))
            .collect();
        (!starved.is_empty()).then(|| {
            format!(
                "{}: the others were connected, by the kernel, and waited for a program that was with somebody else.",
                starved.join("; ")
            )
        })
    }

    fn stacks(&self) -> Option<String> {
        let [(few, before), (many, after)] = self.span("thread")?;
        if after.threads < before.threads + 10 {
            return None;
        }
        let each = after.memory.saturating_sub(before.memory) / (after.threads - before.threads).max(1);
        let other = ["selectors", "async", "select"].into_iter().find_map(|model| {
            let [(few, before), (many, after)] = self.span(model)?;
            let each = after.memory.saturating_sub(before.memory) as f64 / 1024.0 / (many - few) as f64;
            Some(if each < 0.1 {
                format!("; {model} took as much with {many} clients as with {few}, in one thread")
            } else {
                format!("; {model} took {each:.1} KiB for each further client from {few} to {many}, in one thread")
            })
        });
        Some(format!(
            "thread went from {} with {} to {} threads and {} with {many}: {:.1} KiB for each further thread; \
             their stacks in the kernel are not counted{}.",
            mebibytes(before.memory),
            crowd(few),
            after.threads,
            mebibytes(after.memory),
            each as f64 / 1024.0,
            other.unwrap_or_default()
        ))
    }

    fn questions(&self) -> Option<String> {
        let [(few, before), (many, after)] = self.span("select")?;
        let beside = self.with(many).into_iter().find(|(model, _)| *model == "selectors");
        let beside = beside.map(|(_, figures)| format!("; selectors took {} with as many", short(figures.work)));
        if after.work <= before.work.mul_f64(1.2) {
            return None;
        }
        Some(format!(
            "select took {} of the processor for an answer with {} and {} with {many}: it asks about every \
             socket before each wait, and looks at every one after it{}.",
            short(before.work),
            crowd(few),
            short(after.work),
            beside.unwrap_or_default()
        ))
    }

    fn switches(&self) -> Option<String> {
        let clients = self.most()?;
        let mut rows = self.fair(clients);
        rows.sort_by(|a, b| a.1.switches.total_cmp(&b.1.switches));
        let [(calm, fewest), .., (restless, most)] = rows.as_slice() else { return None };
        (most.switches > 0.1 && most.switches > 1.5 * fewest.switches).then(|| {
            format!(
                "With {clients} clients an answer cost {restless} {:.2} context switches and {calm} {:.2}: a thread that \
                 waits gives the processor away, one that finds the next client ready goes on.",
                most.switches, fewest.switches
            )
        })
    }

    /// What was not measured, and why.
    fn gaps(&self) -> Option<String> {
        let mut gaps: Vec<(&str, Vec<String>)> = Vec::new();
        for row in self.rows {
            let Err(why) = &row.result else { continue };
            let one = format!("{} with {}", row.model, crowd(row.clients));
            match gaps.iter_mut().find(|(reason, _)| reason == why) {
                Some((_, those)) => those.push(one),
                None => gaps.push((why, vec![one])),
            }
        }
        let gaps: Vec<_> =
            gaps.iter().map(|(why, those)| format!("Not measured: {}: {why}.", those.join(", "))).collect();
        (!gaps.is_empty()).then(|| gaps.join(" "))
    }

    fn failures(&self) -> Option<String> {
        let failed = self.rows.iter().filter_map(|row| {
            let figures = row.result.as_ref().ok().filter(|figures| figures.failed > 0)?;
            Some(format!("{} with {} ({})", row.model, crowd(row.clients), figures.failed))
        });
        let failed: Vec<_> = failed.collect();
        (!failed.is_empty()).then(|| format!("Requests were refused or reset: {}.", failed.join(", ")))
    }
}

/// The fastest and the slowest; `None` where there are not two.
fn extremes<'a>(rows: &[(&'static str, &'a Figures)]) -> Option<[(&'static str, &'a Figures); 2]> {
    let by = |a: &&(&str, &Figures), b: &&(&str, &Figures)| a.1.rate.total_cmp(&b.1.rate);
    let (most, least) = (rows.iter().max_by(by)?, rows.iter().min_by(by)?);
    (rows.len() > 1).then_some([*most, *least])
}

fn crowd(clients: usize) -> String {
    if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") }
}

fn shown(latency: Option<Duration>) -> String {
    latency.map_or_else(|| "for ever".to_owned(), short)
}
