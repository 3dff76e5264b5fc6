import { basename } from 'node:path';

// TEST_GROUP names a folder of tests that need more than a unit test may use: linux (root), lxc, vm, tpm (a TPM of software), parity (the executable).
const group = process.env.TEST_GROUP;
const special = ['system', 'linux', 'guest', 'lxc', 'vm', 'tpm', 'parity', 'registry-real', 'schemathesis', 'crash'];
export default {
  files:
    group === undefined
      ? ['test/**/*.test.ts', ...special.map((name) => `!test/${name}/**`), '!test/fixtures/**']
      : // What takes longer than a test may is a group of its own: vm/long, for `make power-cuts` and `make live`.
        [`test/${group}/**/*.test.ts`, ...(group === 'vm' ? ['!test/vm/long/**'] : [])],
  extensions: ['ts'],
  timeout: group === undefined ? '60s' : group === 'vm' ? '45m' : '20m',
  workerThreads: false,
  // Each file runs in a process of its own, which would strip and compile the same modules again: a fifth of the time.
  environmentVariables: { NODE_COMPILE_CACHE: `${import.meta.dirname}/build/compile-cache` },
  ...concurrencyOf(group),
  ...(group === 'vm' ? { sortTestFiles: (one, other) => turnOf(one) - turnOf(other) } : {}),
};

/** Privileged groups share mounts and devices: one file at a time. A virtual machine has one processor and its own folder: two. */
function concurrencyOf(name) {
  if (name === undefined || name === 'system') return {};
  return name.startsWith('vm') ? { concurrency: 2 } : { concurrency: 1, serial: true };
}

/** The longest first, so that none of them runs alone at the end. */
function turnOf(file) {
  const turn = ['secure', 'services', 'life', 'generations', 'machine'].indexOf(basename(file, '.test.ts'));
  return turn < 0 ? Number.MAX_SAFE_INTEGER : turn;
}
