//! A study's results.

use baize_core::ports::{InstanceRecord, Order, Presence, Review, StudyResult, Verdict};
use baize_core::{Fault, Finding, Language, ModelRef, Outcome, Population, Report, Timestamp};

use super::codes::{Code, Sentence};
use super::patient;
use super::row::{Row, percent};
use super::wording::OruWording;

/// What could not be had (table 0085).
pub(super) const NOT_OBTAINED: &str = "X";
/// Nobody has looked yet (table 0085).
const PENDING: &str = "I";

/// Everything behind MSH.
pub(super) fn rows(wording: &OruWording, result: &StudyResult, now: Timestamp) -> Vec<Row> {
    let context = &result.context;
    let order = context.order.as_ref().map(|(order, _)| order);
    let his = order.map(|order| &order.patient).filter(|patient| !patient.id.is_empty());
    let his = his.or(context.encounter.as_ref().map(|encounter| &encounter.patient));
    let mut rows = vec![match his.filter(|patient| !patient.id.is_empty()) {
        Some(patient) => patient::of_his(patient, None),
        None => patient::of_images(&result.summary.facts),
    }];
    rows.extend(context.encounter.as_ref().map(patient::visit));
    rows.extend(order.map(common_order));
    rows.push(request(wording, result, order, now));
    let mut study = Study { wording, result, observations: Observations::default() };
    study.write();
    rows.extend(study.observations.rows);
    rows
}

fn common_order(order: &Order) -> Row {
    let row = Row::new("ORC").raw(1, "RE");
    row.maybe(2, order.placer_number.as_deref()).maybe(3, filler(order))
}

fn filler(order: &Order) -> Option<&str> {
    order.filler_number.as_deref().or(order.accession.as_deref())
}

fn request(wording: &OruWording, result: &StudyResult, order: Option<&Order>, now: Timestamp) -> Row {
    let (config, facts) = (&wording.config, &result.summary.facts);
    let accession = order.and_then(|order| order.accession.as_deref()).or(facts.accession.as_deref());
    let study = result.summary.study.as_str();
    let number = order.and_then(filler).or(accession).unwrap_or(study);
    let row = Row::new("OBR").raw(1, "1");
    let row = row.maybe(2, order.and_then(|order| order.placer_number.as_deref())).text(3, number);
    let code = order.and_then(|order| order.procedure_code.as_deref());
    let text = order.and_then(|order| order.procedure_text.as_deref());
    let row = match (code, text) {
        (None, None) => row.code(4, &config.codes.study, config.language),
        (code, text) => row.parts(4, &[code.unwrap_or(""), text.unwrap_or("")]),
    };
    let made = facts.study_date.clone().unwrap_or_else(|| wording.moment(result.summary.received_at));
    let reason = order.and_then(|order| order.reason.as_deref());
    let modality = order.and_then(|order| order.modality.as_deref()).or(facts.modality.as_deref());
    let row = row.text(7, &made).maybe(18, accession).raw(22, wording.moment(now));
    let row = row.text(24, config.codes.department(modality));
    let row = row.text(25, config.codes.status(result.standing));
    let row = match reason {
        Some(reason) => row.parts(31, &["", reason]),
        None => row,
    };
    match signer(result).filter(|_| result.standing.is_signed()) {
        Some(review) => row.text(32, &review.reviewer),
        None => row,
    }
}

/// The last physician who signed.
fn signer(result: &StudyResult) -> Option<&Review> {
    let signed = result.reviews.iter().map(|recorded| &recorded.review).filter(|review| review.signed);
    signed.max_by_key(|review| review.at)
}

/// OBX segments, numbered.
#[derive(Default)]
pub(super) struct Observations {
    pub(super) rows: Vec<Row>,
}

impl Observations {
    /// Adds a segment; OBX-1 is its number.
    pub(super) fn add(&mut self, kind: &str, row: impl FnOnce(Row) -> Row) {
        let number = (self.rows.len() + 1).to_string();
        self.rows.push(row(Row::new("OBX").raw(1, number).raw(2, kind)));
    }
}

struct Study<'a> {
    wording: &'a OruWording,
    result: &'a StudyResult,
    observations: Observations,
}

impl Study<'_> {
    fn write(&mut self) {
        let config = &self.wording.config;
        let status = config.codes.status(self.result.standing);
        let uid = self.result.summary.study.as_str();
        let code = &config.codes.observations.study_uid;
        self.observations.add("ST", |row| row.code(3, code, config.language).text(5, uid).text(11, status));
        for (number, instance) in (1..).zip(&self.result.instances) {
            self.image(number, instance);
        }
        for notice in &config.codes.texts.notices {
            self.notice(notice);
        }
    }

    fn notice(&mut self, notice: &Sentence) {
        let config = &self.wording.config;
        let status = config.codes.status(self.result.standing);
        let code = &config.codes.observations.notice;
        for text in [&notice.zh, &notice.en] {
            self.observations
                .add("TX", |row| row.code(3, code, config.language).text(5, text).text(11, status));
        }
    }

    fn image(&mut self, number: usize, instance: &InstanceRecord) {
        let (config, group) = (&self.wording.config, number.to_string());
        let status = config.codes.status(self.result.standing);
        let code = &config.codes.observations.image;
        let sop = instance.identity.sop.as_str();
        self.observations.add("ST", |row| {
            row.code(3, code, config.language).text(4, &group).text(5, sop).text(11, status)
        });
        let mut findings = 0;
        for report in &instance.reports {
            self.report(&group, &mut findings, report);
        }
        if instance.pending > 0 {
            let pending = config.codes.texts.pending.get(config.language);
            self.not_there(&group, None, pending, PENDING);
        }
    }

    fn report(&mut self, group: &str, findings_before: &mut usize, report: &Report) {
        let config = &self.wording.config;
        let (texts, language) = (&config.codes.texts, config.language);
        let review = self.result.review_of(report);
        let because = |what: &Sentence, fault: &Fault| {
            let colon = if language == Language::Chinese { "：" } else { ": " };
            let told = [what.get(language), fault.code.title(language), &fault.told(language)];
            told.join(colon)
        };
        match &report.outcome {
            Outcome::Refused(fault) => {
                let why = because(&texts.refused, fault);
                self.not_there(group, Some(report), &why, NOT_OBTAINED);
            }
            Outcome::Failed(fault) => {
                let why = because(&texts.failed, fault);
                self.not_there(group, Some(report), &why, NOT_OBTAINED);
            }
            Outcome::Analysed { .. } if review.is_some_and(|review| review.verdict == Verdict::Rejected) => {
                self.not_there(group, Some(report), texts.rejected.get(language), NOT_OBTAINED);
            }
            Outcome::Analysed { findings, population, caveats } => {
                for finding in findings {
                    *findings_before += 1;
                    let sub_id = format!("{group}.{findings_before}");
                    self.finding(&sub_id, report, finding, (population, review));
                }
                let observations = &config.codes.observations;
                if let Population::Outside(why) = population {
                    self.text(&observations.population, group, report, why.get(language));
                }
                for caveat in caveats {
                    self.text(&observations.caveat, group, report, caveat.get(language));
                }
            }
        }
        let comment = review.filter(|review| review.signed).and_then(|review| review.comment.as_deref());
        if let Some(comment) = comment {
            self.text(&config.codes.observations.comment, group, report, comment);
        }
    }

    fn finding(
        &mut self,
        sub_id: &str,
        report: &Report,
        finding: &Finding,
        (population, review): (&Population, Option<&Review>),
    ) {
        let config = &self.wording.config;
        let (codes, language) = (&config.codes, config.language);
        let presence = Presence::of(finding, population, review);
        let flag = match presence {
            Presence::Present if finding.is_critical() => "AA",
            Presence::Present => "A",
            Presence::Absent => "N",
            Presence::Uncertain => "",
        };
        let status = codes.status(self.result.standing);
        let wording = self.wording;
        let about = |row: Row| made(wording, row.raw(4, sub_id).text(11, status), report, review);
        self.observations.add("CWE", |row| {
            let row = row.coded(3, &finding.code, language).code(5, codes.presence(presence), language);
            about(row.raw(8, flag))
        });
        for (code, share) in [
            (&codes.observations.probability, finding.probability),
            (&codes.observations.threshold, finding.threshold),
        ] {
            let value = percent(share);
            self.observations.add("NM", |row| about(row.code(3, code, language).raw(5, value).text(6, "%")));
        }
    }

    fn text(&mut self, code: &Code, group: &str, report: &Report, text: &str) {
        let (wording, config) = (self.wording, &self.wording.config);
        let status = config.codes.status(self.result.standing);
        self.observations.add("TX", |row| {
            let row = row.code(3, code, config.language).raw(4, group).text(5, text).text(11, status);
            made(wording, row, report, None)
        });
    }

    /// That there is no result, and why.
    fn not_there(&mut self, group: &str, report: Option<&Report>, why: &str, status: &str) {
        let (wording, config) = (self.wording, &self.wording.config);
        let code = &config.codes.observations.analysis;
        self.observations.add("TX", |row| {
            let row = row.code(3, code, config.language).raw(4, group).text(5, why).text(11, status);
            match report {
                Some(report) => made(wording, row, report, None),
                None => row,
            }
        });
    }
}

/// When, by whom, by which model.
fn made(wording: &OruWording, row: Row, report: &Report, review: Option<&Review>) -> Row {
    let at = wording.moment(report.finished_at);
    let row = row.raw(14, at.clone()).maybe(16, review.map(|review| review.reviewer.as_str()));
    let row = match &report.model {
        Some(ModelRef { id, version }) => {
            let named = format!("{id}@{version}");
            row.parts(17, &[id, "", "99BAIZE"]).parts(18, &[&named, baize_core::MANUFACTURER])
        }
        None => row,
    };
    row.raw(19, at)
}
