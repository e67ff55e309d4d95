import { addGradient, type Network } from "./network.ts";

/** One example: standardised features and its class, 1 for defective. */
export type Example = { x: Float64Array; target: 0 | 1 };

export type FitOptions = {
  batch_size: number;
  /** Weight of the loss of a PASS row and of a defective row. */
  cls_weight: readonly [number, number];
  /** Draws of defective rows for each draw of a PASS row. */
  fpratio_sampling: number;
  learning_rate: number;
  weight_decay: number;
  /** Optimiser steps of the whole training; the rate falls linearly over them. */
  total_steps: number;
};

/** A running optimisation (AdamW): one call of `runEpoch` is one epoch, steps are counted across epochs. */
export type Fit = { step: number; first: Float64Array; second: Float64Array };

/** Starts an optimisation at step 0 with empty moments. */
export function startFit(net: Network): Fit {
  return { step: 0, first: new Float64Array(net.weights.length), second: new Float64Array(net.weights.length) };
}

/**
 * Trains one epoch: as many examples as there are rows, drawn with replacement so that defective rows come up
 * `fpratio_sampling` times as often as PASS rows; an incomplete last batch is left out (TAO's sampler and loader).
 *
 * Returns the mean training loss. Needs rows of both classes and at least one full batch.
 */
export function runEpoch(
  net: Network,
  fit: Fit,
  examples: readonly Example[],
  options: FitOptions,
  random: () => number,
  afterStep?: () => void,
): number {
  const groups = [examples.filter((one) => one.target === 0), examples.filter((one) => one.target === 1)] as const;
  const share = options.fpratio_sampling / (1 + options.fpratio_sampling);
  const batches = Math.floor(examples.length / options.batch_size);
  const gradient = new Float64Array(net.weights.length);
  const activations = new Float64Array(net.hidden);
  let total = 0;
  for (let batch = 0; batch < batches; batch++) {
    gradient.fill(0);
    let loss = 0;
    let weights = 0;
    for (let k = 0; k < options.batch_size; k++) {
      const group = groups[random() < share ? 1 : 0];
      const example = group[Math.floor(random() * group.length)] as Example;
      const weight = options.cls_weight[example.target];
      weights += weight;
      loss += addGradient(net, example.x, example.target, weight, gradient, activations);
    }
    const scale = weights > 0 ? 1 / weights : 0;
    takeStep(net, fit, gradient, scale, options);
    total += loss * scale;
    afterStep?.();
  }
  return batches === 0 ? Number.NaN : total / batches;
}

function takeStep(net: Network, fit: Fit, gradient: Float64Array, scale: number, options: FitOptions): void {
  const { weights } = net;
  const { first, second } = fit;
  const rate = options.learning_rate * Math.max(0.05, 1 - fit.step / options.total_steps);
  fit.step++;
  const correct1 = 1 - 0.9 ** fit.step;
  const correct2 = 1 - 0.999 ** fit.step;
  const keep = 1 - rate * options.weight_decay;
  for (let j = 0; j < weights.length; j++) {
    const g = (gradient[j] as number) * scale;
    const m = 0.9 * (first[j] as number) + 0.1 * g;
    const v = 0.999 * (second[j] as number) + 0.001 * g * g;
    first[j] = m;
    second[j] = v;
    weights[j] = (weights[j] as number) * keep - (rate * (m / correct1)) / (Math.sqrt(v / correct2) + 1e-8);
  }
}
