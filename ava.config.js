// TEST_GROUP names a folder of tests that need more than a unit test may use: linux (root), lxc, vm, tpm (a TPM of software), parity (the executable).
const group = process.env.TEST_GROUP;
const special = ['system', 'linux', 'guest', 'lxc', 'vm', 'tpm', 'parity', 'registry-real', 'schemathesis', 'crash'];
export default {
  files:
    group === undefined
      ? ['test/**/*.test.ts', ...special.map((name) => `!test/${name}/**`), '!test/fixtures/**']
      : [`test/${group}/**/*.test.ts`],
  extensions: ['ts'],
  timeout: group === undefined ? '60s' : '20m',
  workerThreads: false,
  // Privileged groups share mounts, devices and the one VM: one file at a time.
  ...(group === undefined || group === 'system' ? {} : { concurrency: 1, serial: true }),
};
