import { appendFileSync } from 'node:fs';
import type { ExecutionContext } from 'ava';

/** What somebody with the machine, its disk or its network in hand may try: `make attacks` tells of each what became of it. */
export const attacks = [
  'unsigned UKI',
  'UKI signed by another keyset',
  'one flipped bit in a UKI',
  'side files beside a good UKI',
  "a good UKI started by another generation's entry",
  'hostile variables and kernel arguments',
  'a planted upper directory',
  'UKI of the limited key',
  'edited command line',
  'swapped initrd',
  'replaced entry file',
  'older signed UKI with a newer floor',
  "another product's manifest",
  'manifest older than the floor, state files restored from an old copy',
  'a ticket that expired',
  'a ticket used twice',
  'a ticket of another machine',
  'an edited ticket',
  'a ticket signed by another CA',
  'a ticket with the clock set back',
  'a ticket put back on the disk',
  'edited /config on a disk taken out',
  'store blob swapped',
  'verity tree and data both replaced',
  'TPM of another machine',
  'disk moved to another machine',
  'PCR 7 extended before unlock',
  'NV index redefined',
  'a USB disk with partitions of the same types',
  'a live CD inserted into an installed machine',
  'a live medium with an unsigned boot file',
  'a live medium with an altered boot file',
  'a live medium with an altered layer',
  'a registry that has another live system',
  'a live boot file with a command line of somebody else',
] as const;
export type Attack = (typeof attacks)[number];

/** One attack that was made. `said` is what refused it, in its own words; null where nothing did. */
export type AttackRow = {
  readonly attack: Attack;
  readonly how: string;
  readonly said: string | null;
};

/** Names the file that rows are added to, one JSON value a line. */
export const attacksFile = 'MOS_ATTACKS';

/** Looks in what a machine or command said for the words that refuse an attack; the table gets the row either way. */
export function refused(t: ExecutionContext, attack: Attack, how: string, said: string, by: RegExp): void {
  const found = by.exec(said)?.[0].trim() ?? null;
  const row: AttackRow = { attack, how, said: found };
  const file = process.env[attacksFile];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`);
  t.truthy(found, `${attack}: nothing says ${by} in\n${said.slice(-3000)}`);
  t.log(`${attack}: ${found}`);
}
