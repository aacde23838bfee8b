//! The orders of a message, one ORC group each.

use baize_core::Lane;

use super::file::Profile;
use super::map::{date, is_given, missing, not_in_table};
use super::scope::Scope;
use super::types::{MappedLane, Order, OrderAction};
use crate::codec::{Issue, Message, Segment};

impl Profile {
    pub(super) fn orders(&self, message: &Message, issues: &mut Vec<Issue>) -> Vec<Order> {
        let groups = groups(message);
        if groups.is_empty() {
            issues.push(missing(self.order.control.position(), "the message holds no order"));
        }
        groups.into_iter().map(|parts| self.order(&Scope::part(message, parts), issues)).collect()
    }

    fn order(&self, scope: &Scope<'_>, issues: &mut Vec<Issue>) -> Order {
        let mut fields = self.order.fields.read(scope);
        date(&mut fields.scheduled_at, issues);
        let names = [&fields.placer_number, &fields.filler_number, &fields.accession, &fields.study_uid];
        if !names.into_iter().any(|name| is_given(name.as_ref())) {
            issues.push(missing(self.order.fields.accession.position(), "nothing identifies the order"));
        }
        Order { action: self.action(scope, issues), lane: self.lane(scope, issues), fields }
    }

    fn action(&self, scope: &Scope<'_>, issues: &mut Vec<Issue>) -> Option<OrderAction> {
        let control = self.order.control.find(scope)?;
        let action = self.order.actions.get(&control.value.to_uppercase()).copied();
        if action.is_none() {
            issues.push(not_in_table(&control, "the profile does not know this order control"));
        }
        action
    }

    /// The most urgent of all priorities: two that contradict each other must not calm an order.
    fn lane(&self, scope: &Scope<'_>, issues: &mut Vec<Issue>) -> Option<MappedLane> {
        let mut most: Option<MappedLane> = None;
        for priority in self.order.priority.find_all(scope) {
            if priority.value.is_empty() {
                continue;
            }
            let Some(lane) = self.order.lanes.get(&priority.value.to_uppercase()).copied() else {
                issues.push(not_in_table(&priority, "the profile does not know this priority"));
                continue;
            };
            let so_far: Option<Lane> = most.as_ref().map(|mapped| mapped.value);
            if so_far.is_none_or(|so_far| lane > so_far) {
                most = Some(MappedLane { value: lane, path: priority.path });
            }
        }
        most
    }
}

/// The orders, each with what precedes the first of them and what it shares with others. Each ORC begins one; where
/// there is no ORC, each OBR does; and where several OBR follow an ORC, each of them is an order of its own.
fn groups(message: &Message) -> Vec<[&[Segment]; 3]> {
    let delimiters = message.delimiters();
    let segments = message.segments();
    let begins = |within: &[Segment], name: &str| -> Vec<usize> {
        let named = within.iter().enumerate().filter(|(_, segment)| segment.is(name, delimiters));
        named.map(|(at, _)| at).collect()
    };
    let orders = begins(segments, "ORC");
    if orders.is_empty() {
        let (common, procedures) = cut(segments, &begins(segments, "OBR"));
        return procedures.into_iter().map(|procedure| [common, procedure, &[]]).collect();
    }
    let (common, orders) = cut(segments, &orders);
    let divided = orders.into_iter().flat_map(|order| {
        let procedures = begins(order, "OBR");
        if procedures.len() < 2 {
            return vec![[common, order, &[]]];
        }
        let (shared, procedures) = cut(order, &procedures);
        procedures.into_iter().map(|procedure| [common, shared, procedure]).collect()
    });
    divided.collect()
}

/// What precedes the first of the places, and what stands from each of them to the next.
fn cut<'a>(segments: &'a [Segment], places: &[usize]) -> (&'a [Segment], Vec<&'a [Segment]>) {
    let first = places.first().copied().unwrap_or(segments.len());
    let ends = places.iter().skip(1).copied().chain([segments.len()]);
    (&segments[..first], places.iter().zip(ends).map(|(begin, end)| &segments[*begin..end]).collect())
}
