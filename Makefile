# make demo      fit a first map and draw it          make install   into your R library
# make test      the R tests and the C tests          make docs      NAMESPACE and man/ from R/
# make check     R CMD check --as-cran                make bench     the tables of bench/
# make release   the checks before a release          make site      the web site, into docs/
# Each one first installs what it needs and does not find: see tools/dependencies.dcf.

RSCRIPT ?= Rscript
INSTALLED = .lib/brenier/DESCRIPTION
IN_LIB = R_LIBS="$(CURDIR)/.lib$${R_LIBS:+:$$R_LIBS}" $(RSCRIPT)
SOURCES = DESCRIPTION NAMESPACE $(wildcard R/*.R src/*.[ch] src/Makevars man/*.Rd inst/*)

.PHONY: demo test check install docs bench release site clean setup
.SUFFIXES:

demo: setup $(INSTALLED)
	@$(IN_LIB) tools/demo.R

# STRICT=1: a warning in the R tests is a failure too.
test:
	@sh tools/setup.sh run test
	@sh tools/test.sh $(if $(STRICT),--strict)

# MANUAL=no: the PDF manual is not checked.
check:
	@sh tools/setup.sh run test vignette check
	@sh tools/check.sh $(if $(filter no,$(MANUAL)),--no-manual)

install: setup
	@sh tools/install.sh

docs:
	@sh tools/setup.sh run dev
	@$(RSCRIPT) -e 'suppressPackageStartupMessages(roxygen2::roxygenise(load_code = "source"))'

# CHECKS="lint spelling": these alone. What is missing is named, and the rest is done.
release:
	@sh tools/setup.sh run test vignette check
	@sh tools/setup.sh site release || echo "The checks do without the tools that are not there."
	@sh tools/release.sh $(CHECKS)

site:
	@sh tools/setup.sh run test vignette site
	@sh tools/release.sh site

bench: setup $(INSTALLED)
	@sh tools/setup.sh bench
	@sh tools/setup.sh rival || echo "The tables do without the rivals that are not there."
	@$(IN_LIB) bench/run.R

clean:
	@rm -rf .lib .check .release docs demo src/*.o src/*.so src/*.dll

setup:
	@sh tools/setup.sh run

# The private library: the package is built from a clean copy when a source is newer.
$(INSTALLED): $(SOURCES) | setup
	@sh tools/install.sh "$(CURDIR)/.lib"
