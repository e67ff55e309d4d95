import { randomStream } from "../random.ts";
import { type Example, type Fit, type FitOptions, runEpoch, startFit } from "./fit.ts";
import { createNetwork, crossEntropy, logOdds, type Network, refitScale, standardise } from "./network.ts";

/** Networks that start and sample differently; their mean log odds vary far less from seed to seed than one's. */
export type Committee = { network: Network; fit: Fit }[];

/** Rows of a split for training: raw features and class, 1 for defective. */
export type Labelled = { features: readonly Float32Array[]; targets: readonly (0 | 1)[] };

const MEMBERS = 5;
const HIDDEN_UNITS = 16;
/** Share of the old weights that a warm start keeps. */
const KEPT_SHARE = 0.2;

/** Returns an untrained committee whose input scale comes from the rows. */
export function createCommittee(rows: Labelled, seed: number): Committee {
  const inputs = rows.features[0]?.length ?? 0;
  return Array.from({ length: MEMBERS }, (_, member) => {
    const network = createNetwork(inputs, HIDDEN_UNITS, randomStream(seed * 101 + member));
    refitScale(network, rows.features, false);
    return { network, fit: startFit(network) };
  });
}

/**
 * Takes weights over for new rows: input scale from the new rows, weights shrunk towards a fresh start, new optimiser.
 *
 * Weights that are sure of themselves on few rows learn badly from more; shrinking and perturbing them (Ash and Adams,
 * 2020) keeps what they know as a bias and lets the new rows decide.
 */
export function continueCommittee(committee: Committee, rows: Labelled, seed: number): Committee {
  return committee.map(({ network }, member) => {
    refitScale(network, rows.features, true);
    const fresh = createNetwork(network.inputs, network.hidden, randomStream(seed * 103 + member));
    network.weights.forEach((weight, at) => {
      network.weights[at] = KEPT_SHARE * weight + (1 - KEPT_SHARE) * (fresh.weights[at] as number);
    });
    return { network, fit: startFit(network) };
  });
}

/** The mean log odds of the members that a pair with these raw features is defective. */
export function committeeOdds(committee: Committee, features: ArrayLike<number>): number {
  let sum = 0;
  for (const { network } of committee) sum += logOdds(network, standardise(network, features));
  return sum / committee.length;
}

/** A training in progress: call it once an epoch; it returns the mean loss of the members. */
export type EpochRunner = (afterStep: () => void) => number;

/** Prepares training on the rows; each member draws its own samples from a stream of the seed. */
export function prepareTraining(committee: Committee, rows: Labelled, options: FitOptions, seed: number): EpochRunner {
  const runs = committee.map(({ network, fit }, member) => ({
    network,
    fit,
    random: randomStream(seed * 131 + member),
    examples: rows.features.map(
      (raw, at): Example => ({ x: standardise(network, raw), target: rows.targets[at] as 0 | 1 }),
    ),
  }));
  return (afterStep) => {
    let loss = 0;
    runs.forEach((run, member) => {
      const last = member === runs.length - 1;
      loss += runEpoch(run.network, run.fit, run.examples, options, run.random, last ? afterStep : undefined);
    });
    return loss / runs.length;
  };
}

/** Mean cross entropy of the committee over the rows, weighted by class as in training. */
export function committeeLoss(committee: Committee, rows: Labelled, clsWeight: readonly [number, number]): number {
  let loss = 0;
  let weights = 0;
  rows.features.forEach((features, at) => {
    const target = rows.targets[at] as 0 | 1;
    loss += clsWeight[target] * crossEntropy(committeeOdds(committee, features), target);
    weights += clsWeight[target];
  });
  return weights > 0 ? loss / weights : Number.NaN;
}
