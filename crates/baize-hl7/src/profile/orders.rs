//! The orders of a message, one ORC group each.

use baize_core::Lane;

use super::file::Profile;
use super::map::{date, is_given, missing, not_in_table};
use super::scope::Scope;
use super::types::{MappedLane, Order, OrderAction};
use crate::codec::{Issue, Message, Segment};

impl Profile {
    pub(super) fn orders(&self, message: &Message, issues: &mut Vec<Issue>) -> Vec<Order> {
        let (common, groups) = groups(message);
        if groups.is_empty() {
            issues.push(missing(self.order.control.position(), "the message holds no order"));
        }
        let one = |group: &[Segment]| self.order(&Scope::part(message, common, group), issues);
        groups.into_iter().map(one).collect()
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

/// What precedes the first order, and the orders. Each ORC begins one; where there is no ORC, each OBR does.
fn groups(message: &Message) -> (&[Segment], Vec<&[Segment]>) {
    let delimiters = message.delimiters();
    let segments = message.segments();
    let begins_with = |name: &str| -> Vec<usize> {
        let named = segments.iter().enumerate().filter(|(_, segment)| segment.name(delimiters) == name);
        named.map(|(at, _)| at).collect()
    };
    let mut begins = begins_with("ORC");
    if begins.is_empty() {
        begins = begins_with("OBR");
    }
    let Some(first) = begins.first().copied() else { return (segments, Vec::new()) };
    let ends = begins.iter().skip(1).copied().chain([segments.len()]);
    (&segments[..first], begins.iter().zip(ends).map(|(begin, end)| &segments[*begin..end]).collect())
}
