import type { ChosenUpdate, Trial } from '../../pkg/system/upgrade/record.ts';

/** An update that was chosen, and generation 7, which automatic updates made of it and nobody has seen running yet. */
export const chosenAt = (available_at: string): ChosenUpdate => ({
  ...{ version: 'v', digest: 'sha256:1', reference: 'r', release: null },
  available_at,
});
export const trial: Trial = {
  ...{ generation: 7, digest: 'sha256:1', version: 'v', automatic: true },
  ...{ since: null, sinceBoot: null, bootId: null },
};
