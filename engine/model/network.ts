import { normalDraw } from "../random.ts";

/**
 * Weights of a two-class network: standardised inputs, one hidden layer (tanh), a direct linear path, one output.
 *
 * `weights` is one flat list for the optimiser: hidden x inputs, hidden biases, output weights, direct weights, bias.
 */
export type Network = {
  inputs: number;
  hidden: number;
  mean: Float64Array;
  scale: Float64Array;
  weights: Float64Array;
};

const CUT = 6;
const LEAST_SCALE = 0.01;
const MAX_RESCALE = 4;

/** Returns an untrained network; equal streams give equal weights. */
export function createNetwork(inputs: number, hidden: number, random: () => number): Network {
  const weights = new Float64Array(hidden * inputs + hidden + hidden + inputs + 1);
  for (let i = 0; i < hidden * inputs; i++) weights[i] = normalDraw(random) / Math.sqrt(inputs);
  for (let i = 0; i < hidden; i++) weights[hidden * inputs + hidden + i] = normalDraw(random) * 0.1;
  return { inputs, hidden, mean: new Float64Array(inputs), scale: new Float64Array(inputs).fill(1), weights };
}

/** Returns the log odds that a standardised example is defective; `activations` receives the hidden layer. */
export function logOdds(net: Network, x: Float64Array, activations?: Float64Array): number {
  const { inputs, hidden, weights } = net;
  const biases = hidden * inputs;
  const outs = biases + hidden;
  const direct = outs + hidden;
  let z = weights[direct + inputs] as number;
  for (let i = 0; i < inputs; i++) z += (weights[direct + i] as number) * (x[i] as number);
  for (let h = 0; h < hidden; h++) {
    let a = weights[biases + h] as number;
    for (let i = 0; i < inputs; i++) a += (weights[h * inputs + i] as number) * (x[i] as number);
    a = Math.tanh(a);
    if (activations !== undefined) activations[h] = a;
    z += (weights[outs + h] as number) * a;
  }
  return z;
}

/** Standardises raw features with the network's own mean and scale; values beyond 6 deviations are cut. */
export function standardise(net: Network, raw: ArrayLike<number>): Float64Array {
  const out = new Float64Array(net.inputs);
  for (let i = 0; i < out.length; i++) {
    const v = ((raw[i] as number) - (net.mean[i] as number)) / (net.scale[i] as number);
    out[i] = Math.max(-CUT, Math.min(CUT, v));
  }
  return out;
}

/** Adds the gradient of `weight` times the cross entropy of one example to `gradient` and returns that loss. */
export function addGradient(
  net: Network,
  x: Float64Array,
  target: number,
  weight: number,
  gradient: Float64Array,
  activations: Float64Array,
): number {
  const { inputs, hidden, weights } = net;
  const z = logOdds(net, x, activations);
  const biases = hidden * inputs;
  const outs = biases + hidden;
  const direct = outs + hidden;
  const d = (1 / (1 + Math.exp(-z)) - target) * weight;
  for (let i = 0; i < inputs; i++) gradient[direct + i] = (gradient[direct + i] as number) + d * (x[i] as number);
  gradient[direct + inputs] = (gradient[direct + inputs] as number) + d;
  for (let h = 0; h < hidden; h++) {
    const a = activations[h] as number;
    gradient[outs + h] = (gradient[outs + h] as number) + d * a;
    const back = d * (weights[outs + h] as number) * (1 - a * a);
    gradient[biases + h] = (gradient[biases + h] as number) + back;
    const row = h * inputs;
    for (let i = 0; i < inputs; i++) gradient[row + i] = (gradient[row + i] as number) + back * (x[i] as number);
  }
  return weight * crossEntropy(z, target);
}

/** Cross entropy of log odds against a class, without overflow. */
export function crossEntropy(z: number, target: number): number {
  const signed = target === 1 ? -z : z;
  return signed > 30 ? signed : Math.log1p(Math.exp(signed));
}

/**
 * Takes mean and deviation from the given rows and turns the weights so that the network still answers the same.
 *
 * A network trained on few clean rows would otherwise read later, more varied rows far outside its scale and cut them.
 * A feature that hardly varied before is stretched at most fourfold, so that an untrained weight cannot take over.
 */
export function refitScale(net: Network, rows: readonly ArrayLike<number>[], keepAnswers: boolean): void {
  const { inputs, hidden, weights } = net;
  const biases = hidden * inputs;
  const direct = biases + 2 * hidden;
  for (let i = 0; i < inputs; i++) {
    let sum = 0;
    let squares = 0;
    for (const row of rows) {
      const v = row[i] as number;
      sum += v;
      squares += v * v;
    }
    const mean = sum / rows.length;
    const scale = Math.max(LEAST_SCALE, Math.sqrt(Math.max(0, squares / rows.length - mean * mean)));
    if (keepAnswers) {
      const shift = (mean - (net.mean[i] as number)) / (net.scale[i] as number);
      const stretch = Math.min(MAX_RESCALE, scale / (net.scale[i] as number));
      for (let h = 0; h < hidden; h++) {
        const w = weights[h * inputs + i] as number;
        weights[biases + h] = (weights[biases + h] as number) + w * Math.max(-CUT, Math.min(CUT, shift));
        weights[h * inputs + i] = w * stretch;
      }
      const w = weights[direct + i] as number;
      const bias = direct + inputs;
      weights[bias] = (weights[bias] as number) + w * Math.max(-CUT, Math.min(CUT, shift));
      weights[direct + i] = w * stretch;
    }
    net.mean[i] = mean;
    net.scale[i] = scale;
  }
}
