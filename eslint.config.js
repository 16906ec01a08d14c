import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const SOURCES = ['packages/*/src/**/*.ts', 'services/*/src/**/*.ts', 'native/rift-core/ts/**/*.ts', 'test/**/*.ts'];
const SPECS = ['**/*.spec.ts', '**/*.verify.ts', 'test/**/*.ts'];
const CONFIG_FILES = ['**/config.ts', '**/config/*.ts', '**/*.spec.ts', 'test/**/*.ts'];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/target/**', '**/generated/**', 'native/rift-core/libtorch/**', '.rift/**'] },
  {
    files: ['**/*.{js,mjs}'],
    extends: [js.configs.recommended],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        fetch: 'readonly',
        AbortSignal: 'readonly',
      },
    },
    rules: { 'max-lines': ['error', { max: 350 }] },
  },
  {
    files: SOURCES,
    extends: [js.configs.recommended, tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
        emitDecoratorMetadata: true,
        experimentalDecorators: true,
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { prefer: 'type-imports', fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // NestJS modules are empty decorated classes.
      '@typescript-eslint/no-extraneous-class': 'off',
      'max-lines': ['error', { max: 350 }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    // One door to the environment: elsewhere settings arrive as a validated object.
    files: SOURCES,
    ignores: CONFIG_FILES,
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Read the environment in config.ts only and pass the validated object on.' },
      ],
    },
  },
  {
    // node:test's describe/it return promises that the runner itself awaits.
    files: [...SPECS, '**/testing/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: ['describe', 'it', 'test', 'suite'], package: 'node:test' }] },
      ],
    },
  },
);
