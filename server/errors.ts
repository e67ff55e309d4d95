// Longer than other files: every code stands once, beside its remedy, so that a reader compares them in one place.

/** What the registry holds for one code: whether it ends the run, and the one thing the reader can do about it. */
type RefusalKind = { readonly hardStop: boolean; readonly remedy: string };

const stop = (remedy: string): RefusalKind => ({ hardStop: true, remedy });
const refuse = (remedy: string): RefusalKind => ({ hardStop: false, remedy });

/**
 * Every refusal code with its remedy. Codes are pinned: none is renamed or reused.
 *
 * A hard stop is journaled and ends the run until a human accepts a repair with `acknowledge_stop`.
 */
export const refusals = {
  "input.unknown-field": refuse("Remove it, or use a name that the facts show."),
  "input.invalid": refuse("Correct the named argument and repeat the call."),
  "input.no-run": refuse(
    "Call preflight to plan a run (`deft-mcp run` at a terminal), or name an existing run directory.",
  ),
  "input.run-ambiguous": refuse("Pass `run` with one of the candidates in the facts."),
  "input.no-workspace": refuse("Pass `workspace`, or set DEFT_WORKSPACE; `deft-mcp init DIR` makes a new one."),
  "input.bare-folder": refuse("Show the human the command in the facts; invent no tables, splits or golden images."),
  "input.unreadable-file": refuse("Check that the named file exists and that this user may read it."),
  "input.bad-csv": refuse("Repair the rows named in the facts; `deft-mcp validate` lists every problem of the file."),
  "input.too-many-rows": refuse(
    "Split the table; where the facts name a setting and the machine has the memory, start the server with a higher one.",
  ),
  "input.bad-yaml": refuse("Repair the YAML at the named line."),
  "input.bad-parquet": refuse("Produce the file again; it cannot be read as parquet."),
  "input.bad-json": refuse("Repair the JSON of the named file."),
  "input.spec-automl": refuse("Remove automl_policy and workflow from the spec; AutoML is off in this loop."),
  "input.bad-spec": refuse("Correct the named key of the train spec."),
  "input.write-failed": refuse(
    "Free disk space or repair the permissions of the named directory, then repeat the call.",
  ),
  "input.no-hard-links": refuse(
    "Put the workspace on a file system with hard links (ext4, XFS, APFS, NTFS, NFS), then repeat the call.",
  ),
  "input.workspace-exists": refuse("Choose an empty directory; init never overwrites a file."),
  "input.import-layout": refuse(
    "Sort the images into one of the layouts in the facts, or describe them with --table or --pattern; then import again.",
  ),
  "input.no-good-parts": refuse(
    "Name the label of good parts with --good, or add photos of good parts; then import again.",
  ),
  "input.no-pairs": refuse("Take golden photos as the facts say, name them in a table (--table), then import again."),
  "input.too-few-boards": refuse("Add boards, good ones and ones with defects, then import again."),

  "approval.required": refuse(
    "Show the human what the facts hold, wait for the answer and repeat the call with it as `words`; a plan is approved with approve_plan.",
  ),
  "approval.plan-changed": refuse("Call preflight again and approve the new plan id."),
  "approval.plan-unknown": refuse("Call preflight; it returns the plan id to approve."),
  "approval.plan-incomplete": refuse(
    "Put right what halts and answer what is missing in the facts, then plan again with the answers as arguments or options.",
  ),
  "approval.declined": refuse(
    "Stop here: the human may run the terminal command in the facts, or say what preflight should plan instead.",
  ),
  "approval.no-human": refuse("Ask the human to run the terminal command in the facts."),
  "approval.no-terminal": refuse(
    "Run the command at a terminal, where you can be asked; a variable that the facts name answers, too.",
  ),
  "approval.words-missing": refuse(
    "Put a change into preflight, answer a question; then pass `words`: the human's clear yes to the summary, verbatim.",
  ),
  "approval.signature-missing": refuse(
    "Let an approver sign the statement with the command in the facts, and pass the signature as `words`.",
  ),
  "approval.signature-invalid": refuse("Let an allowed signer sign this very statement, and pass it as `words`."),
  "approval.no-verifier": refuse(
    "Install OpenSSH's ssh-keygen and correct DEFT_APPROVERS, then start the server again.",
  ),
  "approval.unchangeable": refuse(
    "Change what the facts list, or plan a new run with resume=fresh: the CSVs, the metric and the architecture are fixed.",
  ),
  "approval.no-effect": refuse(
    "Pass a max_iterations above the last iteration (or patience 0 where that ended it) as well, or call finish_loop.",
  ),

  "stage.out-of-order": refuse("Call run_stage without arguments; it runs the next legal stage."),
  "stage.failed": stop("Read the log named in the facts, repair the cause, then acknowledge_stop or finish_loop."),
  "stage.no-new-checkpoint": stop("Check num_epochs and that train/ was empty at the start, then acknowledge_stop."),
  "stage.evidence-missing": stop("Look at the named artifact; a stage counts only with its evidence on disk."),
  "stage.already-running": refuse("Call run_stage without arguments to wait for the running job."),
  "stage.not-running": refuse("Nothing runs; call loop_status for the next action."),

  "gate.path-outside-workspace": refuse("Move the file into the workspace, or correct the path."),
  "gate.train-val-leakage": stop("Remove the listed rows from the training side, then acknowledge_stop."),
  "gate.train-kpi-leakage": stop("Remove the listed KPI rows from training or the pool, then acknowledge_stop."),
  "gate.holdout-leakage": stop(
    "Remove the listed rows from the set that has them beside the frozen test set, then call preflight again.",
  ),
  "gate.missing-image": stop("Restore the named images or remove their rows."),
  "gate.bad-image": stop("Replace the named images; they cannot be decoded."),
  "gate.label-case": stop("Write PASS exactly so, and every other label in lower case without blanks around it."),
  "gate.schema": stop("Give the CSV the columns input_path, golden_path, label and object_name."),
  "gate.no-rows": stop("Add rows below the header; the CSV has none."),
  "gate.missing-value": stop("Write a real value in the named cells; the training loader reads them as missing."),
  "gate.numeric-column": stop(
    "Rename so that one value of the column is no number; the loader turns the column into numbers and fails.",
  ),
  "gate.duplicate-row": stop("Keep one row for each image; the named lines show the same one."),
  "gate.contradiction": refuse("Decide for one label of each named image and remove the other rows."),
  "gate.own-golden": refuse("Pair each inspected image with the golden image of the same place, not with itself."),
  "gate.swapped-columns": refuse("Swap the two columns if golden_path names the inspected images."),
  "gate.pair-mismatch": refuse(
    "Pair each image with a golden image of the same place and window, as the examples are not.",
  ),
  "gate.label-word": refuse("Write PASS for good parts, or leave the label if these rows are defects."),
  "gate.image-format": refuse("Convert the named images to 8-bit JPEG or PNG and set image_ext to what they are then."),
  "gate.silent-drop": stop("Find out where the named rows went; a human may accept it with acknowledge_stop."),
  "gate.allocation-mismatch": stop(
    "Widen the ROIs or lower num_SDG; a human may accept the yield with acknowledge_stop.",
  ),
  "gate.empty-pool": stop("Fill the mining pool, or plan a synthetic-only run."),
  "gate.empty-routing": stop("No module can serve the weak labels: extend the pool or the generator's defect types."),
  "gate.generator-dataset": stop("Repair the generator dataset as the facts say, then acknowledge_stop."),
  "gate.generator-lighting": stop(
    "Call preflight with num_sdg 0 (of a live run: with `run`), or use a spec with one lighting.",
  ),
  "gate.no-new-rows": stop("Widen the mining pool or raise num_SDG; the iteration would train on the same rows."),

  "metric.score-not-finite": refuse("Repair the named rows: siamese_score must be a finite number."),
  "metric.unparsable-target": refuse("Write the target like `FAR < 0.5% at recall=99%`."),
  "metric.undefined": stop("The KPI set needs at least one PASS and one defective row with finite scores."),
  "metric.bad-result": stop(
    "Correct the evaluator: its JSON holds name, unit, a finite value and every constraint of the contract.",
  ),
  "metric.evaluator-failed": stop("Run the evaluator by hand on the named inference CSV, then acknowledge_stop."),
  "metric.other-ruler": refuse("Score both on the same KPI rows and labels, then compare again."),
  "metric.reproducing": refuse("Repeat the call: it waits until the KPI set has been scored again."),
  "metric.not-reproduced": refuse(
    "Repeat the call to score once more, or end the run without the claim: finish_loop with stop_reason cancelled.",
  ),
  "metric.unreachable": stop("Retrain or relabel: no threshold satisfies the contract's recall."),

  "state.locked": refuse("Another process works on this run; wait for it, then repeat the call."),
  "state.lock-lost": refuse("The run lock was taken over; call loop_status and repeat."),
  "state.corrupt": refuse("Restore deft_state.json from a backup, or start a new run."),
  "state.tampered": refuse("Undo the named edit, or let a human accept it with acknowledge_stop."),
  "state.foreign-version": refuse(
    "Call preflight with adopt_run set to this run: a new run goes on from its checkpoint and its rows.",
  ),
  "state.hard-stopped": refuse("Repair the cause and let a human acknowledge_stop, or call finish_loop."),
  "state.finished": refuse(
    "Call preflight with adopt_run set to this run: a new run goes on from its best checkpoint and its rows.",
  ),

  "executor.unavailable": refuse("Choose a platform that preflight shows as available."),
  "executor.image-missing": refuse("Pull or load the image, then call preflight again."),
  "executor.environment": refuse("Put the Python environment right as the finding says, then call preflight again."),
  "executor.program-missing": refuse("Install the program that the finding names, or plan without its stage."),
  "executor.gpu-unavailable": refuse("Free or repair the GPU, or choose another platform."),
  "executor.lost-job": stop(
    "The job left no exit record; check the host, then acknowledge_stop to run the stage again.",
  ),
  "executor.timeout": stop("The stage passed its time limit; raise it in a revised plan, then acknowledge_stop."),
  "executor.cancelled": stop("The job was cancelled; acknowledge_stop to run the stage again, or finish_loop."),

  "executor.refused-submit": refuse(
    "Correct the setting that the scheduler names in a revised plan (preflight with `run`), then repeat the call.",
  ),
  "executor.name-taken": refuse("Remove or rename the container that the facts name; it is not ours."),
  "executor.bad-path": refuse("Move the workspace to a path without blanks, quotes, commas, $ or backslashes."),
  "executor.image-changed": refuse("Restore the approved image under its tag, or plan a new run with preflight."),
  "executor.mount-missing": refuse("Create or stage the named directory or file, then repeat the call."),
  "executor.architecture": refuse("Use a host of the image's architecture, or an image that is built for this one."),
  "executor.bad-image": refuse("Check the image reference: the image lacks the program that the facts name."),
  "executor.disk-full": refuse("Free space on the named file system or Docker root, then repeat the call."),
  "executor.registry": refuse("Log in with `docker login nvcr.io -u '$oauthtoken'`, or check the image reference."),
  "executor.fetch": refuse("Check the network, HF_ENDPOINT and HF_TOKEN, or stage the file at the path in the facts."),
  "executor.cluster-unreachable": refuse(
    "Repair the connection or log in again, until the cluster's own command answers at a terminal; then repeat the call.",
  ),
  "executor.cluster-refused": refuse("Correct what the cluster's words in the facts name, then repeat the call."),
  "executor.not-ready": refuse("Put right what the facts name; the next run_stage call tries this step again."),

  "job.user-unknown": stop("Use the image of versions.yaml, or name one in which this user id can work."),
  "job.permission": stop("Give the host user write access to the mount that the log names."),
  "job.spec-not-found": stop("Check that the spec lies in the workspace at the path in the log."),
  "job.spec-key": stop("Remove or correct the key that the log names; the image's schema does not know it."),
  "job.unknown-argument": stop("Use an image version whose programs take the arguments in the log."),
  "job.intervals": stop("Lower checkpoint_interval, validation_interval and the logging frequency to num_epochs."),
  "job.resumed": stop("Start from an empty train directory; an older, longer run was resumed."),
  "job.backbone": stop("Stage the backbone file under augmentation/backbone; a URL or an empty path cannot be used."),
  "job.backbone-keys": stop(
    "Stage the backbone file that fits model.backbone.type; this one names its layers otherwise.",
  ),
  "job.loss-pairing": stop("Use loss ce with difference_module learnable, or contrastive with euclidean."),
  "job.batch-size": stop("Lower dataset.classify.batch_size to at most the rows of the smallest CSV, and at least 2."),
  "job.no-pass-rows": stop("Add rows labelled PASS, in exactly this spelling, to the training CSV."),
  "job.no-defect-rows": stop("Add defective rows to the training CSV."),
  "job.image-file": stop("Restore or replace the image that the log names."),
  "job.numeric-path": stop("Rename the image directories so that input_path is text, not a number."),
  "job.lighting": stop("Make the effective input square and a multiple of 32: concat_type grid, or one lighting."),
  "job.gpu-memory": stop("Lower batch_size (16 fits 48 GB, 8 fits 24 GB) or free the GPU."),
  "job.host-memory": stop("Free host memory, or lower dataset.classify.workers and batch_size."),
  "job.shared-memory": stop("Raise the shared memory of the job; 8g is the published size for training."),
  "job.checkpoint": stop("Use a checkpoint of the same architecture and release; the facts name what differs."),
  "job.metric-missing": stop("Drop train.checkpointer from the spec, or monitor val_loss."),
  "job.gpu-fault": stop("Check the GPU and its driver on the host (nvidia-smi, dmesg)."),
  "job.communication": stop("Train on one GPU, or repair the communication between the GPUs."),
  "job.port-in-use": stop("Set MASTER_PORT to a free port, or end the job that holds it."),
  "job.inference-missing": stop("Run inference again; its CSV is absent or empty."),
  "job.encoder": stop("Stage SigLIP as a local directory with config.json and name it as the encoder."),
  "job.pool-too-small": stop("Extend the mining pool to at least top_k usable rows."),
  "job.no-roi": stop("Keep per-class colours in cad_mask, use smaller anomaly masks, or spatial_dependency free."),
  "job.mask-not-binary": stop("Write anomaly masks with the values 0 and 255 only."),
  "job.defect-unsupported": stop("Trim defect_spec.jsonl to the types of the generator checkpoint."),
  "job.generator-checkpoint": stop("Stage checkpoints/model/iter_<step>.pt of the generator, or correct the step."),
  "job.gated-model": stop("Set HF_TOKEN, accept the licences of the gated models, then stage them again."),
  "job.model-not-staged": stop("Stage the model that the log names; jobs run offline."),
  "job.interrupted": stop("The program was interrupted from outside; check the host, then acknowledge_stop."),
  "job.disk-full": stop("Free space on the file system of the workspace, then acknowledge_stop."),
  "job.gpu-missing": stop(
    "Make the GPU visible to containers (driver, NVIDIA container toolkit), then acknowledge_stop.",
  ),
  "job.program-missing": stop("Use the image of versions.yaml; this one lacks the program."),

  "osmo.cli-missing": refuse("Install the OSMO CLI, or set DEFT_OSMO_BIN to its path."),
  "osmo.not-logged-in": refuse("Ask the human to run `osmo login URL` in a terminal, then repeat the call."),
  "osmo.forbidden": refuse("Ask an OSMO administrator for the named permission, or choose an accessible pool."),
  "osmo.rejected": refuse("Correct what the service's message in the facts names, then repeat the call."),
  "osmo.unavailable": refuse("The service did not answer; check the network and repeat the call later."),
  "osmo.timeout": refuse("Repeat the call; the command was stopped at its time limit."),
  "osmo.bad-answer": refuse(
    "Compare the CLI version in the facts with the supported one; the answer has another shape.",
  ),
  "osmo.unknown-workflow": refuse("Check the workflow id; `osmo workflow list` shows yours."),
  "osmo.not-yours": refuse("Ask the owner in the facts; another user's workflow is not touched from here."),
  "osmo.needs-choice": refuse(
    "Ask the human the questions in the facts, then call with `pass` and what they chose, without `request`.",
  ),
  "osmo.illegal-pair": refuse("Use the flow that the facts name for this use case."),
  "osmo.wrong-flow": refuse("Use the flow that the facts name for this defect."),
  "osmo.unknown-knob": refuse("Use a knob from the list in the facts."),
  "osmo.bad-knob": refuse("Give the argument that the facts name a value of the form there."),
  "osmo.unknown-name": refuse("Pass one of the names in the facts, or bring your own as the facts say."),
  "osmo.ignored-knob": refuse("Leave the argument out: this flow reads it nowhere; the facts name what works instead."),
  "osmo.fixed-knob": refuse("Leave the knob out: the flow works with its fixed value only."),
  "osmo.mangled-name": refuse("Use the spelling in the facts; OSMO casts number-like values."),
  "osmo.template-token": refuse("Remove the template tokens from the named mounted file."),
  "osmo.flow-files-missing": refuse(
    "Pass `flows_dir`: a copy of the physical-ai-defect-image-generation skill of github.com/NVIDIA/skills.",
  ),
  "osmo.flow-files-differ": refuse("Use flow files that match the flow's knobs and tasks, or leave `flows_dir` out."),
  "osmo.missing-credential": refuse("Set HF_TOKEN in the environment or the workspace's .env, then repeat the call."),
  "osmo.credential-refused": refuse("Accept the licence of the named gated models and check the token's scope."),
  "osmo.pod-template": refuse("Let a cluster administrator repair the pod template as the facts say, then repeat."),
  "osmo.endpoint": refuse("Repair the image-edit endpoint, or name a healthy one with knob image_edit_endpoint."),
  "osmo.no-capacity": refuse("Ask for less, or pass another pool or knobs.platform; the facts say what does not fit."),
  "osmo.no-pool": refuse("Pass `pool` or knobs.platform with one of the names in the facts."),
  "osmo.missing-artifact": refuse("Submit the setup flows, or upload what the facts name, then repeat the call."),
  "osmo.storage": refuse("Repair the local storage credentials of the OSMO CLI, then repeat the call."),
  "osmo.name-used": refuse("Call again: every submit gets a fresh name."),
  "osmo.bad-pair": refuse("Pair good image with structural, once, on the same board."),
  "osmo.root-unconfirmed": refuse("Ask the human for the storage root; it is never assumed."),
  "osmo.approval-required": refuse("Show the human the summary in the facts and pass their answer as `words`."),
  "osmo.approval-declined": refuse("Stop: the human said no; they may run the terminal command in the facts instead."),
  "osmo.approval-no-human": refuse("Ask the human to run the terminal command in the facts."),
  "osmo.submit-unknown": refuse("Wait a minute and call again: the lost answer is looked up before anything is sent."),
  "osmo.cancel-refused": refuse("Call osmo_status: the service refused the cancel for the reason in the facts."),
  "osmo.no-outputs": refuse(
    "Call osmo_status with the run: it tells whether it has ended and why nothing was uploaded.",
  ),
  "osmo.download": refuse("Repeat the call; a partial download is kept apart and fetched again."),
  "osmo.unknown-run": refuse("Pass `run` with a run name or workflow id; osmo_status without arguments lists yours."),
  "osmo.bad-preference": refuse("Use a key and value that may be remembered; the facts list them."),

  "http.host": refuse("Connect through 127.0.0.1 or localhost."),
  "http.origin": refuse("Connect from a program or from a page on this machine; other origins are not served."),
  "http.token": refuse(
    "Send the server's token (its --token-file, or the one it printed) as `Authorization: Bearer TOKEN`.",
  ),
  "http.address": refuse("Choose a free port and an address of this machine: --http [HOST:]PORT."),

  "http.issuer": refuse(
    "Check --issuer, and that this machine reaches it and the keys that it names; then start again.",
  ),
  "http.rate": refuse("Wait as long as Retry-After says, then send the request again."),

  "install.incomplete": refuse("Reinstall deft-mcp (from a checkout: npm ci && npm run build)."),
  "install.silent-process": refuse(
    "Run the program in the facts at a terminal, put right what keeps it from starting, then repeat the call.",
  ),

  "trace.unusable": refuse("Record the trace again with `deft-mcp serve --record DIR`, or restore it as it was."),
  "trace.difference": refuse("Mend what changed, or accept it with `deft-mcp replay TRACE --update`."),

  "network.forbidden": refuse("The run is air-gapped: provide the asset locally, or plan a network-enabled run."),
} as const satisfies Record<string, RefusalKind>;

export type RefusalCode = keyof typeof refusals;

/** Facts of a refusal: counts, expected and actual values, candidates. Text from data is cut before it gets here. */
export type Facts = Readonly<Record<string, unknown>>;

/**
 * A foreseen "no": a stable code, what was found, and one remedy.
 *
 * Everything else that is thrown is a defect and reaches the caller as `internal` with an incident id.
 */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly facts: Facts;

  constructor(code: RefusalCode, message: string, facts: Facts = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = "Refusal";
    this.code = code;
    this.facts = facts;
  }

  get hardStop(): boolean {
    return refusals[this.code].hardStop;
  }

  get remedy(): string {
    return refusals[this.code].remedy;
  }

  /** Whether it is about this program itself, whatever was asked of it: no finding on data, no evidence of a job. */
  get ofInstallation(): boolean {
    return this.code.startsWith("install.");
  }

  /** What a reader is told, as plain data. */
  get told(): { code: RefusalCode; message: string; facts: Facts; remedy: string } {
    const { code, message, facts, remedy } = this;
    return { code, message, facts, remedy };
  }
}

/** Cuts text that comes from data, so that facts stay small and no file name can flood a reader. */
export function excerpt(text: string, limit = 160): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

/**
 * Text from data inside a sentence: cut and, unless it is one plain word, in quotes on one line, so that a label or a
 * file name reads as the data it is and never as a sentence of ours.
 */
export function quoted(text: string, limit = 60): string {
  return /^[\w.+@/-]{1,60}$/.test(text) ? text : JSON.stringify(excerpt(text, limit));
}

/** The errno code of a system error (`ENOENT`), or undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  const isSystemError = typeof error === "object" && error !== null && "code" in error && "syscall" in error;
  return isSystemError && typeof error.code === "string" ? error.code : undefined;
}
