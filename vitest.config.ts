import { defineConfig } from "vitest/config";

/** Packages are tested from their TypeScript source, by Vite and by the Node that runs the tests. */
const conditions = ["concertato-source", "module", "node", "development|production"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ["concertato-source", "node"] } },
  test: {
    // Test files share a process: several times faster, and a module that keeps global state is found out.
    isolate: false,
    pool: "forks",
    execArgv: ["--conditions=concertato-source", "--disable-warning=ExperimentalWarning"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: "packages", include: ["packages/*/test/**/*.test.ts"] } },
      { extends: true, test: { name: "examples", include: ["examples/*/test/**/*.test.ts"] } },
    ],
  },
});
