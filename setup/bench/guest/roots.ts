// Runs in the guest: roots.ts PAIRS. Prints `@@roots {side: [run…]}`.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { inTurn, programSide, type Side } from '../pairs.ts';
import { type RootRequest, rootRequestFile, rootsProgram, serviceIds, umociProgram } from './request.ts';
import { startTold } from './told.ts';

const pairs = Number(process.argv[2]);
const bundle = '/repo/build/bench/bundle';
const { plain }: RootRequest = JSON.parse(readFileSync(rootRequestFile, 'utf8'));
mkdirSync('/tmp/root', { recursive: true });
const { tell, end } = startTold(rootsProgram);

/** As after a boot: nothing is in memory. */
const forget = () => writeFileSync('/proc/sys/vm/drop_caches', '3');
const run = async () => ({ milliseconds: await tell('ours'), mebibytes: 0 });
const clean = () => tell('unmount');
const earlier = 9;

const first: Side = {
  prepare: async () => {
    rmSync('/run/bench/blank', { recursive: true, force: true });
    forget();
  },
  run,
  clean,
};
const tenth: Side = {
  prepare: async () => {
    for (let start = 0; start < earlier; start++) {
      await run();
      await clean();
    }
  },
  run,
  clean,
};
/** The mount that it needs is not timed. */
const chown = programSide(
  () => ({ argv: ['chown', '-R', '-h', `${serviceIds.start}:${serviceIds.start}`, '/tmp/root'] }),
  { prepare: () => tell('host'), clean },
);
const umoci = programSide(() => ({ argv: [umociProgram, 'unpack', '--image', plain, bundle] }), {
  clean: async () => rmSync(bundle, { recursive: true }),
});

console.log(`@@roots ${JSON.stringify(await inTurn(pairs, { first, tenth, chown, umoci }))}`);
end();
