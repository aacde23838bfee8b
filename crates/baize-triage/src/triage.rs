//! From a request to an assessment.

use std::collections::BTreeSet;
use std::sync::Arc;

use baize_core::{ErrorCode, Fault};

use crate::assessment::{
    Assessment, Basis, Complaint, Explanation, LevelWords, ModelState, ModelStatus, SecondReader, Standing,
};
use crate::complaint::{ComplaintReader, Lexicon};
use crate::features::{FeatureSchema, Features};
use crate::level::{Acuity, LevelCn, Words};
use crate::model::{AcuityModel, ModelOutput};
use crate::request::{Request, Vitals, Vocabulary};
use crate::rules::{Effect, Facts, FiredRule, News2Result, RuleError, RuleSet};
use crate::understood::Understood;

/// The features an explanation names.
const EXPLAINED: usize = 5;
/// Rules that did not fire to a level leave the calmest one open.
const CALMEST: LevelCn = LevelCn::LEAST_URGENT;

/// Everything that assessing takes. Deterministic: the same request gives the same assessment.
pub struct Triage {
    rules: RuleSet,
    lexicon: Lexicon,
    reader: ComplaintReader,
    red_flag_source: String,
    schema: FeatureSchema,
    model: Option<Arc<dyn AcuityModel>>,
}

/// A request with what was understood of it.
struct Case<'a> {
    request: &'a Request,
    understood: Understood,
    features: Features,
    standing: Option<&'a Standing>,
    /// What findings of images ask for.
    imaging: &'a [FiredRule],
}

impl Case<'_> {
    /// Neither a complaint that was understood nor a vital sign: whatever a model says then, it says of the average patient.
    fn is_blank(&self) -> bool {
        self.understood.codes.is_empty()
            && self.understood.active_red_flags.is_empty()
            && self.request.vitals.is_empty()
    }
}

/// What the model said, or why it did not.
struct Opinion {
    state: ModelState,
    output: Option<ModelOutput>,
}

impl Triage {
    /// Puts the parts together.
    ///
    /// # Errors
    /// Rules that speak of red flags which the lexicon does not have, a lexicon of other complaint codes, or a model of
    /// another feature schema.
    pub fn new(
        rules: RuleSet,
        lexicon: Lexicon,
        model: Option<Arc<dyn AcuityModel>>,
    ) -> Result<Self, RuleError> {
        let schema = FeatureSchema::builtin()?;
        if !lexicon.codes().eq(schema.complaints().iter().map(String::as_str)) {
            let reason = "the codes of the lexicon are not those of the feature schema";
            return Err(RuleError::invalid("codes.toml", reason));
        }
        let known: BTreeSet<&str> = lexicon.red_flags().collect();
        for (header, ids) in [
            (&rules.chinese.header, rules.chinese.red_flags()),
            (&rules.departments.header, rules.departments.red_flags()),
        ] {
            if let Some(id) = ids.into_iter().find(|id| !known.contains(id)) {
                return Err(RuleError::invalid(&header.id, format!("the lexicon has no red flag {id}")));
            }
        }
        if let Some(model) = &model
            && model.schema_version() != schema.version()
        {
            let (wants, has) = (model.schema_version(), schema.version());
            let reason = format!("{} wants feature schema {wants}; this is {has}", model.model());
            return Err(RuleError::invalid("features.toml", reason));
        }
        let sources = lexicon.headers().find(|(file, _)| *file == "red_flags.toml");
        let red_flag_source = sources.map(|(_, header)| header.source.clone()).unwrap_or_default();
        let reader = ComplaintReader::new(&lexicon);
        Ok(Self { rules, lexicon, reader, red_flag_source, schema, model })
    }

    /// The rules in use.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// The feature schema in use.
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// What requests are checked against.
    pub fn vocabulary(&self) -> Vocabulary<'_> {
        Vocabulary { ranges: &self.rules.ranges, schema: &self.schema }
    }

    /// The features that a model sees of a request: those of training rows are built here too.
    pub fn features(&self, request: &Request) -> Features {
        self.understand(request, None).features
    }

    /// Assesses one patient.
    pub fn assess(&self, request: &Request) -> Assessment {
        let case = self.understand(request, None);
        let opinion = self.opinions(std::slice::from_ref(&case)).pop();
        self.conclude(&case, opinion)
    }

    /// Assesses many patients, in order; the model sees them together.
    pub fn assess_many(&self, requests: &[Request]) -> Vec<Assessment> {
        let cases: Vec<Case<'_>> = requests.iter().map(|request| self.understand(request, None)).collect();
        let opinions = self.opinions(&cases);
        cases.iter().zip(opinions).map(|(case, opinion)| self.conclude(case, Some(opinion))).collect()
    }

    /// Assesses a patient again with newer vital signs; returns the request they make together with the assessment.
    /// What was not measured again is kept, and the result is at least as urgent as before.
    pub fn reassess(&self, standing: &Standing, request: &Request, newer: &Vitals) -> (Request, Assessment) {
        self.reassess_seeing(standing, request, newer, &[])
    }

    /// [`Self::reassess`] with what findings of images ask for: rules that fired elsewhere and count like its own.
    pub fn reassess_seeing(
        &self,
        standing: &Standing,
        request: &Request,
        newer: &Vitals,
        imaging: &[FiredRule],
    ) -> (Request, Assessment) {
        let merged = request.with_newer_vitals(newer);
        let case = Case { imaging, ..self.understand(&merged, Some(standing)) };
        let opinion = self.opinions(std::slice::from_ref(&case)).pop();
        let assessment = self.conclude(&case, opinion);
        (merged, assessment)
    }

    fn understand<'a>(&self, request: &'a Request, standing: Option<&'a Standing>) -> Case<'a> {
        let understood = Understood::new(&self.lexicon, &self.reader, &self.schema, request);
        let features = self.schema.build(request, &understood.codes, &understood.history);
        Case { request, understood, features, standing, imaging: &[] }
    }

    /// One opinion for each case.
    fn opinions(&self, cases: &[Case<'_>]) -> Vec<Opinion> {
        let without = |state| Opinion { state, output: None };
        let Some(model) = &self.model else {
            return cases.iter().map(|_| without(ModelState::NotInstalled)).collect();
        };
        let ages = model.validated_ages();
        let inside =
            |case: &&Case<'_>| case.request.age_years().is_none_or(|years| ages.contains(&years.floor()));
        let patients: Vec<&Features> = cases.iter().filter(inside).map(|case| &case.features).collect();
        let answers = if patients.is_empty() { Ok(Vec::new()) } else { guarded(|| model.predict(&patients)) };
        let answers = answers.and_then(|answers| {
            let complete = answers.len() == patients.len();
            complete
                .then_some(answers)
                .ok_or_else(|| Fault::new(ErrorCode::InferenceFailed, "the model left out a patient"))
        });
        let mut answers = match answers {
            Ok(answers) => answers.into_iter().map(Some).collect(),
            Err(fault) => {
                tracing::error!(model = %model.model(), code = %fault.code, "triage model could not run");
                vec![None; patients.len()]
            }
        }
        .into_iter();
        let opinion = |case| {
            if !inside(&case) {
                return without(ModelState::OutsidePopulation);
            }
            match answers.next().flatten().filter(ModelOutput::is_sound) {
                Some(output) => Opinion { state: ModelState::Ran, output: Some(output) },
                None => without(ModelState::Failed),
            }
        };
        cases.iter().map(opinion).collect()
    }

    fn conclude(&self, case: &Case<'_>, opinion: Option<Opinion>) -> Assessment {
        let opinion = opinion.unwrap_or(Opinion { state: ModelState::Failed, output: None });
        let facts = Facts {
            request: case.request,
            codes: &case.understood.codes,
            history: &case.understood.history,
            red_flags: &case.understood.active_red_flags,
            previous: case.standing.map(|standing| &standing.vitals),
        };
        let (news2, mut rules_fired) = self.rules.assess(&facts);
        rules_fired.extend(case.understood.red_flag_rules(&self.red_flag_source));
        rules_fired.extend_from_slice(case.imaging);
        rules_fired.sort_by_key(|rule| (rule.level, rule.effect == Effect::Consider));
        let basis = self.basis(case, opinion.output.as_ref(), &rules_fired);
        let (acuity, level_cn) = self.levels(case, &basis);
        let department = self.rules.departments.suggest(&facts, level_cn).clone();
        let output = opinion.output.as_ref();
        Assessment {
            encounter: case.request.encounter.clone(),
            level_cn,
            level: self.level_words(level_cn, acuity),
            acuity,
            acuity_probabilities: output.map(|output| output.acuity_probabilities),
            admission_probability: output.map(|output| output.admission),
            notes: self.notes(case, &news2, opinion.state),
            news2,
            rules_fired,
            complaints: case.understood.complaints.clone(),
            red_flags: case.understood.red_flags.clone(),
            circumstances: case.understood.circumstances.clone(),
            unknown_words: case.understood.unknown.clone(),
            department,
            target_minutes: self.rules.policy.target_minutes(acuity),
            second_reader: self.second_reader(case, output, basis.rules_level),
            explanation: output.map(|output| self.explain(case, output)).unwrap_or_default(),
            missing: self.rules.missing.list(&facts),
            model: self.model.as_ref().map(|model| model.model().clone()),
            model_status: status(opinion.state),
            basis,
            notice: Words::new(
                "仅供研究与辅助参考，不是医疗器械；分级须由医护人员确认。",
                "For research and decision support only, not a medical device; a clinician must confirm the level.",
            ),
        }
    }

    fn basis(&self, case: &Case<'_>, output: Option<&ModelOutput>, fired: &[FiredRule]) -> Basis {
        let deciding = fired.iter().filter(|rule| rule.effect == Effect::Raise);
        let policy = &self.rules.policy;
        let model_acuity = output.map(|output| policy.decide(&output.acuity_probabilities));
        Basis {
            model_acuity,
            fallback_acuity: (model_acuity.is_none() || case.is_blank())
                .then_some(policy.acuity_without_model),
            rules_level: deciding.map(|rule| rule.level).min(),
            nurse_acuity: case.request.nurse_level,
            previous_acuity: case.standing.map(|standing| standing.acuity),
        }
    }

    /// The most urgent of all that the levels are made from: nothing lowers.
    fn levels(&self, case: &Case<'_>, basis: &Basis) -> (Acuity, LevelCn) {
        let policy = &self.rules.policy;
        let previous_level = case.standing.map(|standing| standing.level_cn);
        let acuity = [
            basis.model_acuity,
            basis.fallback_acuity,
            basis.rules_level.map(|level| policy.calmest(level)),
            basis.nurse_acuity,
            basis.previous_acuity,
            previous_level.map(|level| policy.calmest(level)),
        ]
        .into_iter()
        .flatten()
        .fold(Acuity::LEAST_URGENT, Acuity::raised_to);
        let level = policy
            .level(acuity)
            .raised_to(basis.rules_level.unwrap_or(CALMEST))
            .raised_to(previous_level.unwrap_or(CALMEST));
        (acuity, level)
    }

    fn level_words(&self, level: LevelCn, acuity: Acuity) -> LevelWords {
        let sub = self.rules.policy.sub_level(acuity).unwrap_or_default();
        match self.rules.chinese.name(level) {
            Some(name) => LevelWords {
                zh: name.name.zh.clone(),
                en: name.name.en.clone(),
                roman: format!("{}{sub}", name.roman),
                colour: name.colour.clone(),
                response: name.response.clone(),
            },
            // Every level is named, or the rules would not have loaded.
            None => LevelWords {
                zh: level.get().to_string(),
                en: level.get().to_string(),
                roman: level.get().to_string(),
                colour: "red".to_owned(),
                response: Words::new("立即", "immediately"),
            },
        }
    }

    /// The probability from which on the second reader alerts; absent without a model. The budget of alerts is an upper
    /// limit: where a raise would cost more by being wrong than it saves by being right, none is suggested.
    pub fn alert_threshold(&self) -> Option<f32> {
        let policy = &self.rules.policy;
        let model = self.model.as_ref()?;
        Some(model.alert_threshold(policy.alert_budget).max(policy.raise_pays()))
    }

    /// The second reader needs the model's own opinion and a nurse's level.
    fn second_reader(
        &self,
        case: &Case<'_>,
        output: Option<&ModelOutput>,
        rules_level: Option<LevelCn>,
    ) -> SecondReader {
        let (Some(model), Some(nurse), Some(opinion)) = (&self.model, case.request.nurse_level, output)
        else {
            return SecondReader::default();
        };
        let policy = &self.rules.policy;
        let rules = rules_level.map(|level| policy.calmest(level));
        match guarded(|| model.second_reader(&case.features, opinion, nurse, rules)) {
            Ok(probability) if (0.0..=1.0).contains(&probability) => {
                let alert = self.alert_threshold().map(|threshold| probability >= threshold);
                SecondReader { alert, probability: Some(probability) }
            }
            Ok(_) => {
                tracing::error!(model = %model.model(), "second reader gave no probability");
                SecondReader::default()
            }
            Err(fault) => {
                tracing::error!(model = %model.model(), code = %fault.code, "second reader could not run");
                SecondReader::default()
            }
        }
    }

    /// The features that weighed most.
    fn explain(&self, case: &Case<'_>, output: &ModelOutput) -> Vec<Explanation> {
        let mut contributions: Vec<_> = output
            .contributions
            .iter()
            .filter(|part| part.weight.is_finite() && part.weight != 0.0)
            .collect();
        contributions
            .sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()).then(a.feature.cmp(&b.feature)));
        let explained = contributions.into_iter().filter_map(|part| {
            let value = *case.features.values().get(part.feature)?;
            let feature = self.schema.names().get(part.feature)?.clone();
            let named: Option<&Complaint> =
                case.understood.complaints.iter().find(|complaint| complaint.code == feature);
            let text = match named {
                Some(complaint) => complaint.name.clone(),
                None => self.schema.describe(part.feature, value)?,
            };
            Some(Explanation { feature, value, contribution: part.weight, text })
        });
        explained.take(EXPLAINED).collect()
    }

    fn notes(&self, case: &Case<'_>, news2: &News2Result, state: ModelState) -> Vec<Words> {
        let mut notes: Vec<Words> = news2.reason.clone().into_iter().collect();
        notes.extend(status(state).text);
        if case.is_blank() && state == ModelState::Ran {
            notes.push(Words::new(
                "未识别出主诉，也没有生命体征：不低于谨慎级别",
                "no complaint was understood and there are no vital signs: never calmer than the cautious level",
            ));
        }
        if case.request.age_months.is_none() {
            notes.push(Words::new(
                "年龄未知，生命体征按成人标准评估",
                "the age is unknown; the vital signs were judged by adult limits",
            ));
        }
        if case.request.pregnant == Some(true) {
            notes.push(Words::new(
                "四级标准的生命体征界值未针对妊娠调整",
                "the limits of the four-level standard are not adjusted for pregnancy",
            ));
        }
        notes
    }
}

/// A panic in a model is a model that could not run: the rules must still speak.
fn guarded<T>(ask: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask))
        .unwrap_or_else(|_| Err(Fault::new(ErrorCode::InferenceFailed, "the triage model panicked")))
}

/// "Could not run" is said in words, and is never a calm level.
fn status(state: ModelState) -> ModelStatus {
    let text = match state {
        ModelState::Ran => None,
        ModelState::NotInstalled => Some(Words::new(
            "未安装分级模型：仅按规则分级，且不低于谨慎级别",
            "no triage model is installed: levelled by the rules alone, and never calmer than the cautious level",
        )),
        ModelState::OutsidePopulation => Some(Words::new(
            "患者年龄超出模型验证范围：仅按规则分级，且不低于谨慎级别",
            "the patient's age is outside of what the model was validated on: levelled by the rules alone, and never calmer than the cautious level",
        )),
        ModelState::Failed => Some(Words::new(
            "分级模型未能运行：仅按规则分级，且不低于谨慎级别",
            "the triage model could not run: levelled by the rules alone, and never calmer than the cautious level",
        )),
    };
    ModelStatus { state, text }
}
