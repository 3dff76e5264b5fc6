import type { MoleculeLayer } from '../../../pkg/atomfs/index.ts';

/** An image that is mounted in the guest; paths are those there. */
export type MountRequest = {
  readonly name: string;
  /** Of an installed machine whose hostfs is the image. */
  readonly root: string;
  /** Bottom first. */
  readonly layers: readonly (MoleculeLayer & { readonly verityRoot: string; readonly hashOffset: number })[];
};

/** The requests, as JSON, below the project's folder. */
export const requestsFile = 'build/bench/requests.json';
/** `mounts.ts`, compiled. */
export const mountsProgram = 'build/bench/mounts';
export const rootsFolder = 'build/bench/roots';
