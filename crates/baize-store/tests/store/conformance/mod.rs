//! What every ledger must do. A store passes by `conformance!(fresh)`, where `fresh()` gives
//! `(guard, Arc<impl Store>)` of an empty ledger and the guard keeps it alive.

mod admissions;
mod commitment;
mod completion;
mod inquiries;
mod jobs;
mod messages;
mod outbox;
mod reading;
mod reviews;
mod triage;

use baize_core::ports::{
    Admission, CompletionRecords, Inquiries, InstanceRecord, Job, Ledger, Novelty, OutboxRecords, Reviews,
    Studies, StudySummary, TriageRecords,
};

pub(crate) use admissions::*;
pub(crate) use commitment::*;
pub(crate) use completion::*;
pub(crate) use inquiries::*;
pub(crate) use jobs::*;
pub(crate) use messages::*;
pub(crate) use outbox::*;
pub(crate) use reading::*;
pub(crate) use reviews::*;
pub(crate) use triage::*;

use crate::fixtures::study;

pub(crate) trait Store:
    Ledger + Studies + CompletionRecords + Reviews + TriageRecords + OutboxRecords + Inquiries + 'static
{
}
impl<T> Store for T where
    T: Ledger + Studies + CompletionRecords + Reviews + TriageRecords + OutboxRecords + Inquiries + 'static
{
}

macro_rules! conformance {
    ($fresh:path: $($case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (_guard, store) = $fresh();
            crate::conformance::$case(store).await;
        })*
    };
    ($fresh:path) => {
        crate::conformance::conformance! { $fresh:
            an_image_comes_back_as_it_went_in
            the_same_image_twice_is_one
            another_data_set_under_the_same_uid_is_kept_beside
            an_admission_needs_models_or_a_refusal
            jobs_come_most_urgent_first
            attempts_count_what_was_begun
            a_result_is_stored_once
            every_outcome_comes_back_as_it_went_in
            a_result_does_not_stand_under_another_image
            a_broken_number_is_refused
            a_refusal_is_a_final_report
            the_backlog_counts_per_lane
            progress_hides_no_failure
            a_late_image_freshens_its_study
            pages_lose_no_study_of_the_same_moment
            an_unknown_study_is_none
            concurrent_admissions_make_each_image_new_once
            concurrent_takers_share_no_job
            a_visit_comes_back_as_it_went_in
            an_entry_only_follows_the_last_one
            of_two_that_append_at_once_one_wins
            a_report_makes_a_delivery_for_each_recipient_that_wants_it
            our_own_results_and_objects_without_image_are_not_reported_about
            a_consignment_holds_what_is_needed_to_send_it
            each_delivery_ends_on_its_own
            what_waits_is_due_in_its_time_and_keeps_the_order_of_its_study
            stat_results_go_first
            what_was_interrupted_goes_out_again
            a_person_may_retry_what_is_not_acknowledged
            a_review_comes_back_as_it_went_in
            a_review_is_of_a_result_that_is_there
            saying_the_same_again_changes_nothing
            the_level_tells_what_waits_and_since_when
            what_an_archive_commits_itself_to_is_noted_once
            what_an_archive_does_not_keep_goes_out_again
            a_peer_that_could_not_be_asked_is_asked_later
            silence_completes_a_study_once
            a_late_image_opens_its_study_again_and_a_repeated_one_does_not
            a_whole_stow_request_needs_little_silence
            an_announced_number_completes_a_study_at_once
            what_is_missing_after_the_silence_is_told
            earlier_studies_of_a_patient_are_found_by_day_and_moment
            a_new_study_is_asked_about_until_it_is_settled
            results_of_priors_stay_here_until_somebody_sends_the_study_himself
            what_is_urgent_is_no_prior
            a_raised_study_is_taken_ahead_of_routine_work
            a_message_is_owed_when_a_study_is_complete_and_nothing_is_pending
            a_finding_is_told_at_once
            reviews_that_sign_or_correct_are_told
            each_step_of_a_visit_is_told_in_its_order
            causes_join_a_message_that_is_not_made_yet
            a_message_is_kept_as_it_was_made_until_it_is_acknowledged
            a_messages_subject_waits_with_it_and_stat_goes_first
            a_refused_message_is_made_anew_and_after_what_is_made_already
            who_has_nothing_to_be_told_of_is_owed_nothing
        }
    };
}
pub(crate) use conformance;

async fn only_instance(store: &impl Store, number: u32) -> InstanceRecord {
    let mut instances = store.instances(&study(number)).await.unwrap();
    assert_eq!(instances.len(), 1);
    instances.remove(0)
}

async fn summary(store: &impl Store, number: u32) -> StudySummary {
    store.study(&study(number)).await.unwrap().unwrap()
}

async fn take_one(store: &impl Store) -> Job {
    let mut jobs = store.take_jobs(1).await.unwrap();
    assert_eq!(jobs.len(), 1);
    jobs.remove(0)
}

async fn admit(store: &impl Store, admission: &Admission) -> Novelty {
    store.admit(admission.clone()).await.unwrap()
}
